"""Macro series, reported figures, members and texts as they were known at a moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from adapters.documents.dataset import DatasetDocuments
from adapters.market.facts import table_of
from schemas.errors import NotFound
from schemas.facts import Fundamental, MacroValue, Membership, StoredDocument
from tests.adapters.market_worlds import (
    LONG_AGO,
    NYSE,
    SOURCE,
    TICK,
    World,
    action,
    after_close,
    at_open,
    listing,
)

DAYS = NYSE.sessions(date(2020, 6, 1), date(2020, 6, 30))
END = after_close(DAYS[-1])
ONES = [1.0] * len(DAYS)


def view(as_of: datetime = END, **facts: Any) -> Any:
    return World(DAYS, {"AAA": ONES, "BBB": ONES}, facts).view(as_of)


def value(period: date, number: float | None, known: datetime, series: str = "GDP") -> MacroValue:
    return MacroValue(series=series, period=period, value=number, known_time=known, **SOURCE)


Q1, Q2 = date(2020, 1, 1), date(2020, 4, 1)
FIRST, SECOND = datetime(2020, 6, 3, 12, 30, tzinfo=UTC), datetime(2020, 6, 25, 12, 30, tzinfo=UTC)
GDP = [
    value(Q1, -4.8, FIRST), value(Q1, -5.0, SECOND), value(Q2, None, SECOND),
    value(Q1, 13.3, LONG_AGO, "UNRATE"),
]  # fmt: skip


def test_a_macro_series_is_read_in_the_vintage_asked_for() -> None:
    latest, first = view(macro=GDP).macro("GDP"), view(macro=GDP).macro("GDP", vintage="first")
    assert latest.periods.tolist() == first.periods.tolist() == [Q1, Q2]
    assert (latest.values[0], first.values[0]) == (-5.0, -4.8)
    assert np.isnan(latest.values[1])
    assert latest.known[0] == np.datetime64(SECOND.replace(tzinfo=None), "us")
    assert first.known[0] == np.datetime64(FIRST.replace(tzinfo=None), "us")
    assert view(macro=GDP).macro("GDP", start=Q2, end=Q2).periods.tolist() == [Q2]
    assert len(view(macro=GDP).macro("GDP", end=date(1999, 1, 1)).periods) == 0


def test_a_macro_value_is_known_strictly_after_it_was_published() -> None:
    with pytest.raises(NotFound, match="'GDP'"):
        view(FIRST, macro=GDP).macro("GDP")
    assert view(FIRST + TICK, macro=GDP).macro("GDP").values.tolist() == [-4.8]
    assert view(SECOND, macro=GDP).macro("GDP").values.tolist() == [-4.8]
    (known,) = view(FIRST, macro=GDP).macro_series()
    assert (known.series, known.values) == ("UNRATE", 1)
    both = view(macro=GDP).macro_series()
    assert [(one.series, one.first_period, one.last_period, one.values) for one in both] == [
        ("GDP", Q1, Q2, 2), ("UNRATE", Q1, Q1, 1),
    ]  # fmt: skip


def figure(field: str, number: float, known: datetime, who: str = "AAA") -> Fundamental:
    return Fundamental(
        instrument=who, field=field, period_end=Q2, value=number, unit="USD", known_time=known,
        **SOURCE,
    )  # fmt: skip


def test_reported_figures_are_those_known_by_then() -> None:
    facts = [
        figure("revenue", 9.0, FIRST), figure("revenue", 8.5, SECOND), figure("eps", 1.0, FIRST),
        figure("eps", 7.0, LONG_AGO, "BBB"),
    ]  # fmt: skip
    now = view(fundamentals=facts)
    assert [(one.field, one.value) for one in now.fundamentals("AAA")] == [
        ("eps", 1.0), ("revenue", 8.5),
    ]  # fmt: skip
    (first,) = now.fundamentals("AAA", field="revenue", vintage="first")
    assert first.value == 9.0
    assert view(FIRST, fundamentals=facts).fundamentals("AAA") == ()
    with pytest.raises(NotFound):
        now.fundamentals("NONE")


def stay(who: str, enters: date, leaves: date | None = None, known: datetime = LONG_AGO) -> Any:
    return Membership(
        universe="best", instrument=who, enters=enters, leaves=leaves, known_time=known, **SOURCE
    )


def test_members_enter_and_leave_at_the_open_under_their_ticker_of_the_day() -> None:
    facts = {
        "members": [
            stay("AAA", date(1957, 3, 4)),
            stay("BBB", DAYS[3], DAYS[9]),
            stay("GONE", date(2000, 1, 3), date(2001, 1, 3)),
            stay("AAA", date(1957, 3, 4), DAYS[12], known=at_open(DAYS[6])),
        ],
        "actions": [action("BBB", "ticker_change", DAYS[5], new_symbol="NEW")],
    }
    expected = {0: "AAA", 3: "AAA BBB", 5: "AAA NEW", 9: "AAA", 12: ""}
    for row, members in expected.items():
        assert view(at_open(DAYS[row]), **facts).members("best") == tuple(members.split())
    assert view(at_open(DAYS[3]) - TICK, **facts).members("best") == ("AAA",)
    with pytest.raises(NotFound, match="'worst'"):
        view(**facts).members("worst")
    with pytest.raises(NotFound, match="'best'"):
        view(LONG_AGO, **facts).members("best")


def test_all_stays_are_told_for_admission_in_their_newest_version() -> None:
    facts = {
        "members": [
            stay("AAA", DAYS[1]), stay("BBB", DAYS[0], DAYS[9]),
            stay("AAA", DAYS[1], DAYS[7], known=END),
        ],
        "listings": [listing("AAA", "XXX", DAYS[1])],
    }  # fmt: skip
    table = World(DAYS, {"AAA": ONES, "BBB": ONES}, facts).table()
    stays = table.universes()["best"]
    assert [(one.symbol, one.enters, one.leaves) for one in stays] == [
        ("BBB", DAYS[0], DAYS[9]), ("XXX", DAYS[1], DAYS[7]),
    ]  # fmt: skip
    assert World(DAYS, {"AAA": ONES}).table().universes() == {}


NOON = datetime(2020, 6, 15, 12, tzinfo=UTC)


def text(
    name: str, words: str, *, published: datetime | None = NOON, known: datetime = NOON, **rest: Any
) -> StoredDocument:
    return StoredDocument(
        document_id=name, title=name, text=words, published_at=published, known_time=known,
        **SOURCE, **rest,
    )  # fmt: skip


def found(now: Any, query: str = "", **narrowed: Any) -> list[str]:
    return [one.document_id for one in now.documents(query, **narrowed)]


def test_texts_are_shown_once_published_and_known_and_undated_ones_never() -> None:
    texts = [
        text("a", "merger"),
        text("late", "merger", known=NOON + timedelta(days=1)),
        text("ahead", "merger", published=NOON + timedelta(days=1), known=LONG_AGO),
        text("undated", "merger", published=None, known=LONG_AGO),
    ]
    assert found(view(NOON, documents=texts)) == []
    assert found(view(NOON + TICK, documents=texts)) == ["a"]
    assert found(view(NOON + timedelta(days=1), documents=texts), "merger") == ["a"]
    assert sorted(found(view(documents=texts))) == ["a", "ahead", "late"]


def test_a_revised_text_is_shown_in_its_newest_version_by_then() -> None:
    texts = [text("a", "merger"), text("a", "no merger, sorry", known=NOON + timedelta(hours=1))]
    (before,) = view(NOON + TICK, documents=texts).documents("merger")
    (after,) = view(documents=texts).documents("merger")
    assert (before.excerpt, after.excerpt) == ("merger", "no merger, sorry")


def test_kind_limit_and_rank_narrow_what_is_found() -> None:
    texts = [
        *(text(f"n{row}", "apple sells phones") for row in range(4)),
        text("rare", "apple dividend", kind="document"),
    ]
    now = view(documents=texts)
    assert found(now, "apple dividend")[0] == "rare"
    assert found(now, "apple", kind="news", limit=2) == ["n0", "n1"]
    assert found(now, "frost") == []


def test_texts_about_a_symbol_are_about_its_company_under_whatever_ticker() -> None:
    facts = {
        "documents": [
            text("old", "merger", symbols=("AAA",)),
            text("new", "merger", symbols=("NEW",), published=END - TICK, known=END - TICK),
            text("newcomer", "merger", symbols=("AAA",), published=END - TICK, known=END - TICK),
        ],
        "actions": [action("AAA", "ticker_change", DAYS[15], new_symbol="NEW")],
        "listings": [listing("BBB", "AAA", DAYS[16])],
    }
    now = view(**facts)
    assert found(now, symbol="NEW") == ["new", "old"]
    assert found(now, symbol="AAA") == ["newcomer"]
    assert found(view(at_open(DAYS[12]), **facts), symbol="AAA") == ["old"]


@pytest.mark.promise("no-look-ahead")
def test_a_text_from_before_the_first_bar_is_found_whoever_takes_the_ticker_later() -> None:
    prices = {"AAA": [*[float("nan")] * 5, *ONES[5:]], "BBB": ONES}
    early = text("early", "merger", symbols=("AAA",), published=at_open(DAYS[1]), known=LONG_AGO)
    taken = listing("BBB", "AAA", DAYS[18], known=at_open(DAYS[17]))
    for listings in ([], [taken]):
        now = World(DAYS, prices, {"documents": [early], "listings": listings}).view(NOON)
        assert found(now, symbol="AAA") == ["early"]


def test_the_texts_of_a_data_set_are_a_source_of_their_own() -> None:
    source = DatasetDocuments(
        table_of("documents", [text("a", "merger", symbols=("AAA",), source="wire")])
    )
    (one,) = source.search("merger", as_of=END, symbol="AAA")
    assert (one.document_id, one.published_at, one.source) == ("a", NOON, "wire")
    assert source.search("merger", as_of=END, symbol="BBB") == ()
    assert source.search("merger", as_of=NOON) == ()
    assert DatasetDocuments(table_of("documents", [])).search("", as_of=END) == ()
