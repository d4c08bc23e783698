"""A folder and a data set searched as one: by brute force, and with everything later exchanged."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from math import log
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.documents.joined import JoinedDocuments
from adapters.documents.local import LocalDocuments
from adapters.market.table import PriceTable
from adapters.market.universe import UniverseMarket
from interfaces.documents import NO_DOCUMENTS
from schemas.documents import FoundDocument
from schemas.facts import StoredDocument
from tests.adapters.market_worlds import (
    LONG_AGO,
    NYSE,
    SOURCE,
    TICK,
    World,
    action,
    at_open,
    listing,
)

DAYS = NYSE.sessions(date(2020, 6, 1), date(2020, 6, 30))
NOON = datetime(2020, 6, 15, 12, tzinfo=UTC)
ONES = [1.0] * len(DAYS)
COMING = [float("nan")] * 15 + ONES[15:]
Found = tuple[FoundDocument, ...]


@dataclass(frozen=True)
class Text:
    """One version of a text; hours count from noon. The folder's are known when published."""

    name: str
    words: str
    published: float = -1
    known: float = -1
    kind: Any = "news"
    symbols: tuple[str, ...] = ()
    local: bool = False

    @property
    def since(self) -> float:
        return self.published if self.local else max(self.published, self.known)


def moment(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def market(texts: Sequence[Text], **facts: Any) -> PriceTable:
    rows = [
        StoredDocument(
            document_id=one.name, kind=one.kind, title="t", text=one.words,
            published_at=moment(one.published), symbols=one.symbols,
            **{**SOURCE, "known_time": moment(one.known)},
        )
        for one in texts if not one.local
    ]  # fmt: skip
    return World(
        DAYS, {"AAA": ONES, "BBB": ONES, "FUT": COMING}, {"documents": rows, **facts}
    ).table()


def joined(folder: Path, texts: Sequence[Text], **facts: Any) -> JoinedDocuments:
    for number, one in enumerate(texts):
        if one.local:
            entry = {
                "date": moment(one.published).isoformat(), "title": "t", "text": one.words,
                "kind": one.kind, "symbols": list(one.symbols),
            }  # fmt: skip
            (folder / f"{number:03}.json").write_text(json.dumps(entry))
    return JoinedDocuments(LocalDocuments(folder), market(texts, **facts))


def by_hand(
    texts: Sequence[Text], query: str, now: int, *, kind: Any = None, symbol: str | None = None
) -> list[tuple[str, float]]:
    """Rank the texts known before an hour one by one, as the books say."""
    names = {id(one): f"{n:03}.json" if one.local else one.name for n, one in enumerate(texts)}
    known = [one for one in texts if one.since < now and one.published < now]
    newest = {}
    for one in sorted(known, key=lambda one: one.known):
        newest[names[id(one)]] = one
    read = {name: re.findall(r"\w+", f"t {one.words}".lower()) for name, one in newest.items()}
    asked = list(dict.fromkeys(re.findall(r"\w+", query.lower())))
    phrases = [re.findall(r"\w+", phrase.lower()) for phrase in re.findall('"([^"]*)"', query)]
    mean = sum(map(len, read.values())) / len(read) if read else 1.0
    found: list[tuple[float, float, str]] = []
    for name, one in newest.items():
        score = 0.0
        for word in asked:
            having = sum(word in words for words in read.values())
            count = read[name].count(word)
            rarity = log(1 + (len(read) - having + 0.5) / (having + 0.5))
            bound = 1.2 * (0.25 + 0.75 * len(read[name]) / mean)
            score += rarity * count * 2.2 / (count + bound)
        fits = all(_stands(phrase, read[name]) for phrase in phrases)
        meant = kind in (None, one.kind) and (symbol is None or symbol in one.symbols)
        if fits and meant and (score > 0 or not asked):
            found.append((round(score, 9), one.published, name))
    found.sort(key=lambda hit: (-hit[0], -hit[1], hit[2]))
    return [(name, round(score, 6)) for score, _, name in found]


def _stands(phrase: list[str], words: list[str]) -> bool:
    spans = range(len(words) - len(phrase) + 1)
    return any(words[at : at + len(phrase)] == phrase for at in spans)


def told_apart(texts: list[Text]) -> list[Text]:
    """Keep one of the versions of a text that became known at once."""
    kept: dict[Any, Text] = {}
    for number, one in enumerate(texts):
        kept[number if one.local else (one.name, one.known)] = one
    return list(kept.values())


WORDS = st.lists(st.sampled_from(["apple", "falls", "merger", "a", "b"]), max_size=6).map(" ".join)
HOURS = st.integers(-6, 6)
TEXTS = st.builds(
    Text,
    name=st.sampled_from([f"n{number}" for number in range(5)]),
    words=WORDS,
    published=HOURS,
    known=HOURS,
    kind=st.sampled_from(["news", "document"]),
    symbols=st.sampled_from([(), ("AAA",), ("BBB", "AAA"), ("ZZZ",)]),
    local=st.booleans(),
)
CORPORA = st.lists(TEXTS, max_size=12).map(told_apart)
QUERIES = st.one_of(
    st.sampled_from(["", "apple", "apple merger", '"a b"', 'falls "apple falls"', 'b "a', "none"]),
    WORDS,
)


@settings(max_examples=150, deadline=None)
@given(
    texts=CORPORA,
    query=QUERIES,
    now=HOURS,
    kind=st.sampled_from([None, "news", "document"]),
    symbol=st.sampled_from([None, "AAA", "BBB", "ZZZ"]),
)
def test_the_answer_is_the_one_found_by_brute_force(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[Text],
    query: str,
    now: int,
    kind: Any,
    symbol: str | None,
) -> None:
    both = joined(tmp_path_factory.mktemp("own"), texts)
    wanted = by_hand(texts, query, now, kind=kind, symbol=symbol)
    for limit in (3, 50):
        found = both.search(query, as_of=moment(now), kind=kind, symbol=symbol, limit=limit)
        assert [(one.document_id, one.score) for one in found] == wanted[:limit]


@pytest.mark.promise("no-look-ahead")
@settings(max_examples=60, deadline=None)
@given(texts=CORPORA, later=CORPORA, query=QUERIES, symbol=st.sampled_from([None, "AAA", "ZZZ"]))
def test_whatever_comes_later_changes_no_answer(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[Text],
    later: list[Text],
    query: str,
    symbol: str | None,
) -> None:
    """Both sources are cut at the moment; or have texts from it on, and new versions of old."""
    calm = [one for one in texts if one.since < 0]
    poison = [replace(one, words=f"CANARY {one.words}") for one in later if one.since >= 0]
    alone, crowded = (
        joined(tmp_path_factory.mktemp("own"), some) for some in (calm, [*calm, *poison])
    )
    one, other = (
        each.search(query, as_of=NOON, symbol=symbol, limit=50) for each in (alone, crowded)
    )
    assert one == other
    assert alone.digest(NOON) == crowded.digest(NOON)


@settings(max_examples=80, deadline=None)
@given(query=st.one_of(st.text(max_size=40), st.text('"“” \\a.*(', max_size=12)))
def test_no_query_fails(query: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    both = joined(tmp_path_factory.getbasetemp() / "none", [Text("a", 'a "quoted" \\a.*( text')])
    assert len(both.search(query, as_of=NOON)) <= 1


def names(found: Found) -> list[str]:
    return [one.document_id for one in found]


def test_a_phrase_must_stand_in_the_text_and_an_open_quote_is_none(tmp_path: Path) -> None:
    texts = [
        Text("near", "the deal: Profit, warning! was given"),
        Text("far", "a warning of profit"),
        Text("part", "profit warnings"),
        Text("own", "profit warning", local=True),
    ]
    both = joined(tmp_path, texts)
    assert sorted(names(both.search('"PROFIT warning"', as_of=NOON))) == ["003.json", "near"]
    assert names(both.search("“profit warning” deal", as_of=NOON))[0] == "near"
    assert len(both.search('"profit warning', as_of=NOON)) == 4
    assert len(both.search('"" "!"', as_of=NOON)) == 4


def test_an_updated_text_shows_its_earlier_version_until_the_update(tmp_path: Path) -> None:
    texts = [Text("a", "merger", known=-5, published=-5), Text("a", "no merger", -5, 2)]
    both = joined(tmp_path, texts)
    for hour, says in ((0, "merger"), (2, "merger"), (3, "no merger")):
        (found,) = both.search("merger", as_of=moment(hour))
        assert found.excerpt == says
    (at_once,) = both.search("merger", as_of=moment(2) + TICK)
    assert at_once.excerpt == "no merger"
    assert both.search("merger", as_of=moment(-5)) == ()


def test_a_ticker_means_who_bore_it_when_the_text_was_published(tmp_path: Path) -> None:
    facts = {
        "actions": [action("AAA", "ticker_change", DAYS[5], new_symbol="NEW")],
        "listings": [listing("BBB", "AAA", DAYS[6])],
    }
    texts = [
        Text("before", "x", -24 * 12, -24 * 12, symbols=("AAA",)),
        Text("before", "x", -24 * 12, symbols=("AAA",), local=True),
        Text("after", "x", symbols=("AAA",)),
        Text("after", "x", symbols=("NEW",), local=True),
        Text("stranger", "x", symbols=("ZZZ",), local=True),
    ]
    both = joined(tmp_path, texts, **facts)
    assert names(both.search("", as_of=NOON, symbol="NEW")) == ["003.json", "001.json", "before"]
    assert names(both.search("", as_of=NOON, symbol="AAA")) == ["after"]
    assert names(both.search("", as_of=NOON, symbol="BBB")) == ["after"]
    assert names(both.search("", as_of=NOON, symbol="ZZZ")) == ["004.json"]
    earlier = both.search("", as_of=at_open(DAYS[4]), symbol="AAA")
    assert names(earlier) == ["001.json", "before"]


def test_a_text_from_the_very_moment_of_a_change_means_who_bears_the_ticker_from_then_on(
    tmp_path: Path,
) -> None:
    facts = {
        "actions": [action("AAA", "ticker_change", DAYS[5], new_symbol="NEW")],
        "listings": [listing("BBB", "AAA", DAYS[5])],
    }
    change = (at_open(DAYS[5]) - NOON) / timedelta(hours=1)
    texts = [Text(f"n{at}", "x", change + at, change + at, symbols=("AAA",)) for at in (-1, 0, 1)]
    both = joined(tmp_path, texts, **facts)
    assert names(both.search("", as_of=NOON, symbol="AAA")) == ["n1", "n0"]
    assert names(both.search("", as_of=NOON, symbol="NEW")) == ["n-1"]


def test_a_ticker_that_nobody_bears_any_more_means_its_last_bearer(tmp_path: Path) -> None:
    change = [action("AAA", "ticker_change", DAYS[5], new_symbol="NEW")]
    both = joined(tmp_path, [Text("a", "x", symbols=("NEW",))], actions=change)
    assert names(both.search("", as_of=NOON, symbol="AAA")) == ["a"]


@pytest.mark.promise("no-look-ahead")
def test_a_symbol_to_come_is_one_that_never_was(tmp_path: Path) -> None:
    texts = [Text("a", "x", symbols=("AAA", "NEW", "COME")), Text("b", "x", symbols=("NONE",))]
    future = [listing("AAA", "COME", DAYS[15], known=LONG_AGO)]
    for facts in ({}, {"listings": future}):
        both = joined(tmp_path, texts, **facts)
        assert names(both.search("", as_of=NOON, symbol="COME")) == ["a"]
        assert names(both.search("", as_of=NOON, symbol="NEW")) == ["a"]
        assert names(both.search("", as_of=NOON, symbol="NONE")) == ["b"]
        assert both.search("", as_of=NOON, symbol="LATER") == ()


@pytest.mark.promise("no-look-ahead")
def test_a_company_without_prices_so_far_lends_its_tickers_no_meaning(tmp_path: Path) -> None:
    listed = [listing("FUT", "IPO", DAYS[2]), listing("FUT", "NOW", DAYS[8])]
    day = -24 * 5
    both = joined(tmp_path, [Text("a", "x", day, day, symbols=("IPO",))], listings=listed)
    assert both.search("", as_of=NOON, symbol="NOW") == ()
    assert names(both.search("", as_of=NOON, symbol="IPO")) == ["a"]
    for symbol in ("IPO", "NOW"):
        assert names(both.search("", as_of=at_open(DAYS[16]), symbol=symbol)) == ["a"]


def test_a_market_whose_texts_cannot_be_reached_is_refused_at_once(tmp_path: Path) -> None:
    narrowed = UniverseMarket(market([Text("a", "merger")]), ["AAA"])
    with pytest.raises(TypeError, match="texts of a UniverseMarket cannot be searched"):
        JoinedDocuments(LocalDocuments(tmp_path), narrowed)


def test_the_digest_covers_every_field_that_could_be_shown(tmp_path: Path) -> None:
    one = Text("a", "merger", symbols=("AAA",))
    assert joined(tmp_path / "none", []).digest(NOON) == NO_DOCUMENTS
    others = [
        one, replace(one, words="mergers"), replace(one, name="b"), replace(one, published=-2),
        replace(one, known=-2, published=-2), replace(one, kind="document"),
        replace(one, symbols=("BBB",)), replace(one, symbols=()),
    ]  # fmt: skip
    digests = {joined(tmp_path / "none", [each]).digest(NOON) for each in others}
    assert len(digests | {NO_DOCUMENTS}) == len(others) + 1
    assert joined(tmp_path / "none", [one, replace(one, name="z", known=0)]).digest(NOON) in digests
