"""Names, tickers and dates in whatever form news writes them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.masking.codebook import Known
from adapters.masking.session import Mask
from adapters.masking.well_known import shorter, well_known
from agents.records import RECORDS

GENERAL = well_known()
KNOWN = Known(
    instruments={t: t for t in ("AAPL", "KO", "A", "ALL", "ON", "ZYX", "BRK.B", "^GSPC")},
    names={**GENERAL.names, "ZYX": ("Zyxware Holdings, Inc.",)},
    words=GENERAL.words,
    years=(1990, 2022),
)
MASK = Mask("5" * 64, KNOWN)
SHIFT = MASK.book.shift


def masked(text: str) -> str:
    return MASK.prose.mask(text)


@pytest.mark.parametrize(
    "text",
    [
        "AAPL rose",
        "AAPL's rise",
        "$AAPL #AAPL (AAPL) 'AAPL' AAPL.",
        "NASDAQ:AAPL and NYSE: KO",
        "Apple fell, APPLE recovered; Apple Inc. and Apple Computer",
        "the Coca-Cola Company, COCA-COLA, coca cola and Coke",
        "iPhones, an iphone and MacBook sales",
        "said Tim Cook of Cupertino",
        "BRK.B, Berkshire Hathaway and Warren Buffett",
        "Zyxware and ZYXWARE HOLDINGS, INC.",
        "buy $A, NYSE: A or (ALL); $ON",
        "$GSPC and ^GSPC",
        "see https://www.apple.com/ir?d=2020-01-02 or ir@apple.com",
        "J&J, Johnson & Johnson, AT&T",
        "a rumour about $WXYZ",
    ],
)
def test_a_name_in_any_form_becomes_an_alias(text: str) -> None:
    shown = masked(text)
    assert MASK.sightings(text)
    assert MASK.sightings(shown) == ()
    for real in ("aapl", "apple", "coca", "cook", "berk", "zyx", "wxyz", "gspc", "iphone", "AT&T"):
        assert real not in shown.lower()


@pytest.mark.parametrize(
    ("form", "years"),
    [
        ("{0}-03-16", [2020]),
        ("{0}-03-16T14:30:00+00:00", [2020]),
        ("{0}-03", [2020]),
        ("{0}/3/16", [2020]),
        ("{0}.03.16", [2020]),
        ("{0}0316", [2020]),
        ("March 16, {0}", [2020]),
        ("16 Mar {0}", [2020]),
        ("16-Mar-{0}", [2020]),
        ("3/16/{0}", [2020]),
        ("16.03.{0}", [2020]),
        ("Q1 {0}, {0}Q1 and 1Q{0}", [2020]),
        ("FY{0} and FY {0}", [2020]),
        ("the {0}s", [1990]),
        ("in {0}.", [1998]),
        ("{0}-{1}", [2008, 2009]),
        ("mid-{0} (since {1})", [2008, 1971]),
    ],
)
def test_the_year_of_a_date_in_any_form_is_shifted_and_nothing_else(
    form: str, years: list[int]
) -> None:
    text = form.format(*years)
    assert masked(text) == form.format(*(year + SHIFT for year in years))
    assert MASK.prose.unmask(masked(text)) == text


@pytest.mark.parametrize(
    ("text", "short"), [("FY20", 20), ("Q1'20", 20), ("1Q20", 20), ("3/16/20", 20), ("'98", 98)]
)
def test_a_year_of_two_digits_is_shifted_as_well(text: str, short: int) -> None:
    assert masked(text) == text[:-2] + f"{(short + SHIFT) % 100:02d}"
    assert MASK.prose.unmask(masked(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "$2020 or 2020.50 or 2,020 or 1.2020 or 2020%",
        "2020 shares, 1999 units",
        "a hash like ab2020cd or 920201",
        "A buy that ALL of you make ON time",
        "the target is to gap up, and apple pie",
        "S00012 and Company S00012",
        "it may march on; in may or march",
        "12:30, 5 % and 1/2",
    ],
)
def test_what_only_looks_like_a_name_or_a_date_stays(text: str) -> None:
    assert masked(text) == text
    assert MASK.sightings(text) == ()


@pytest.mark.parametrize("name", RECORDS)
def test_the_agents_prompts_name_nothing(name: str) -> None:
    prompt = RECORDS[name].prompt()  # type: ignore[index]  # the keys of the mapping itself
    assert masked(prompt) == prompt


PIECES = ("AAPL", "KO", "Apple", "Coca-Cola", "iPhone", "Tim Cook", "Zyxware Holdings, Inc.")
DATES = ("2020-03-16", "March 16, 2020", "3/16/2020", "FY2020", "Q1 1998", "2008-09-15T13:30:00Z")
WORDS = ("rose", "and", "fell by 3.5 %", "to $12.50", "(up)", "—", "said: 'no'", "\n")


@given(st.lists(st.sampled_from((*PIECES, *DATES, *WORDS)), max_size=30).map(" ".join))
def test_masking_is_undone_to_the_letter_and_leaves_nothing_real(text: str) -> None:
    shown = masked(text)
    assert MASK.prose.unmask(shown) == text
    assert MASK.sightings(shown) == ()
    assert bool(MASK.sightings(text)) == any(piece in text for piece in (*PIECES, *DATES))
    assert masked(shown) == shown or SHIFT


@given(st.text(max_size=200))
def test_any_text_at_all_can_be_masked_and_put_back(text: str) -> None:
    assert MASK.sightings(masked(text)) == ()
    MASK.prose.unmask(text)


def test_a_product_leads_back_to_itself_and_a_name_to_its_best_form() -> None:
    assert MASK.prose.unmask(masked("J&J's Tylenol")) == "Johnson & Johnson's Tylenol"
    assert MASK.prose.unmask("Company S99999 and Product S99999-7") == (
        "Company S99999 and Product S99999-7"
    )


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Apple Inc.", ("Apple",)),
        ("The Coca-Cola Company", ("Coca-Cola",)),
        ("Alphabet Inc. Class A", ("Alphabet",)),
        ("Deere & Co", ("Deere",)),
        ("Visa", ()),
        ("3M Company", ()),
    ],
)
def test_a_company_is_known_without_its_legal_form(name: str, short: tuple[str, ...]) -> None:
    assert shorter(name) == short


def test_tickers_that_are_words_are_masked_where_a_sentence_of_ours_quotes_them() -> None:
    said = "selling 5 A exceeds the 0 held; ALL is no tradable symbol"
    assert MASK.prose.mask(said, also={"A", "ALL"}) == said.replace(
        "A ", f"{MASK.book.alias('A')} "
    ).replace("ALL", MASK.book.alias("ALL"))


def test_the_order_of_what_is_masked_does_not_matter() -> None:
    texts = [*PIECES, *DATES, "$QQQQ", "$NEWCO"]
    first = {text: masked(text) for text in texts}
    other = Mask("5" * 64, KNOWN)
    random.Random(1).shuffle(texts)
    assert {text: other.prose.mask(text) for text in texts} == first
