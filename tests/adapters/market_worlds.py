"""Small made-up markets with facts, and everything that a view of one says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from adapters.calendar import ExchangeCalendar
from adapters.market.facts import SCHEMAS, Facts, table_of
from adapters.market.table import PriceArrays, PriceTable, TableView
from interfaces.market import Reading
from schemas.errors import NotFound
from schemas.facts import (
    CorporateAction,
    Fundamental,
    Listing,
    MacroValue,
    Membership,
    StoredDocument,
)
from schemas.market import DatasetInfo

NYSE = ExchangeCalendar("XNYS")
DAYS = NYSE.sessions(date(2020, 6, 1), date(2020, 8, 14))
FEW = DAYS[:24]
NAN = float("nan")
LONG_AGO = datetime(1999, 1, 4, tzinfo=UTC)
TICK = timedelta(microseconds=1)
SOURCE: dict[str, Any] = {"stored_time": LONG_AGO, "provider": "test"}
FIELDS = ("open", "high", "low", "close", "volume")

HOWS = [Reading(a, v) for a in ("raw", "split", "all") for v in ("latest", "first")]


def at_open(day: date) -> datetime:
    return NYSE.opens_at(NYSE.on_or_after(day))


def after_close(day: date) -> datetime:
    return NYSE.closes_at(day) + TICK


def action(
    instrument: str, kind: Any, ex: date, *, known: datetime = LONG_AGO, **values: Any
) -> CorporateAction:
    identity = values.pop("action_id", f"{instrument}-{kind}-{ex}")
    return CorporateAction(
        action_id=identity, instrument=instrument, kind=kind, ex_date=ex, known_time=known,
        **SOURCE, **values,
    )  # fmt: skip


def split(
    instrument: str, ex: date, new: str, old: str = "1", *, known: datetime = LONG_AGO, **rest: Any
) -> CorporateAction:
    return action(instrument, "split", ex, known=known, new_units=new, old_units=old, **rest)


def dividend(
    instrument: str, ex: date, cash: str, *, known: datetime = LONG_AGO, **rest: Any
) -> CorporateAction:
    return action(instrument, "cash_dividend", ex, known=known, cash=cash, **rest)


def listing(
    instrument: str, symbol: str, first: date, *, known: datetime = LONG_AGO, **rest: Any
) -> Listing:
    return Listing(
        instrument=instrument, symbol=symbol, first_session=first, known_time=known,
        **SOURCE, **rest,
    )  # fmt: skip


def late_bar(instrument: str, session: date, price: float, known: datetime) -> dict[str, Any]:
    prices = dict.fromkeys(("open", "high", "low", "close"), price)
    return {
        "instrument": instrument, "session": session, **prices, "volume": 7.0,
        "known_time": known, **SOURCE,
    }  # fmt: skip


def membership(who: str, enters: date, leaves: date | None = None, known: datetime = LONG_AGO):
    return Membership(
        universe="best", instrument=who, enters=enters, leaves=leaves, known_time=known, **SOURCE
    )


def macro(series: str, period: date, value: float | None, known: datetime) -> MacroValue:
    return MacroValue(series=series, period=period, value=value, known_time=known, **SOURCE)


def fundamental(who: str, value: float, known: datetime) -> Fundamental:
    return Fundamental(
        instrument=who, field="eps", period_end=date(2020, 3, 31), value=value, known_time=known,
        **SOURCE,
    )  # fmt: skip


def text(name: str, words: str, published: datetime | None, symbols: tuple[str, ...], **rest: Any):
    known = rest.pop("known", published or LONG_AGO)
    return StoredDocument(
        document_id=name, title=name, text=words, published_at=published, symbols=symbols,
        known_time=known, **SOURCE,
    )  # fmt: skip


@dataclass(frozen=True)
class World:
    """Closes by instrument (NaN: no bar) on consecutive sessions, and facts by kind.

    `info` is what an importer says otherwise of the whole.
    """

    days: Sequence[date]
    closes: Mapping[str, Sequence[float]]
    facts: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    benchmarks: tuple[str, ...] = ()
    close_only: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)

    def table(self) -> PriceTable:
        ids = tuple(sorted(self.closes))
        close = np.column_stack([np.asarray(self.closes[one], dtype=float) for one in ids])
        start = close if self.close_only else close * 0.99
        arrays = PriceArrays(
            ids, np.array(self.days, "datetime64[D]"), start, close * 1.02, start * 0.98, close,
            np.where(np.isnan(close), np.nan, 1000.0),
        )  # fmt: skip
        if self.close_only:
            arrays = replace(arrays, high=close, low=close)
        info = DatasetInfo(
            name="made", description="made up", data_hash="a" * 64, calendar="XNYS",
            currency="USD", close_only=self.close_only, adjustment="raw", symbols=ids,
            benchmarks=self.benchmarks, caveats=(),
        ).model_copy(update=self.info)  # fmt: skip
        facts = Facts({kind: _table(kind, rows) for kind, rows in self.facts.items()})
        names = PriceTable(info, arrays, NYSE, facts).tickers()
        return PriceTable(info.model_copy(update={"symbols": names}), arrays, NYSE, facts)

    def view(self, as_of: datetime) -> TableView:
        return self.table().view(as_of)


def _table(kind: str, rows: Sequence[Any]) -> pa.Table:
    if kind == "bars":
        return pa.Table.from_pylist(list(rows), schema=SCHEMAS["bars"])
    return table_of(kind, rows)


def everything(view: Any, symbols: Iterable[str], days: Sequence[date]) -> dict[str, Any]:
    """Return what every method of a view says; what does not exist yet is as what never will."""
    said: dict[str, Any] = {
        "symbols": view.symbols(),
        "actions": view.actions(),
        "applied": [view.applied(at_open(day)) for day in days[::5]],
        "macro": view.macro_series(),
        "documents": [view.documents(query) for query in ("", "merger", "profit merger")],
        "closes": [_plain(view.closes(view.symbols(), 9, how=how)) for how in HOWS],
        "members": _quiet(view.members, "best"),
    }
    for name in ("UNIT", "RATE"):
        said[name] = [_quiet(view.macro, name, vintage=each) for each in ("latest", "first")]
    seen = [day for day in days if NYSE.closes_at(day) < view.as_of]
    window = {"start": seen[len(seen) // 2], "end": seen[-1], "lookback": 4} if seen else {}
    plain = (view.last_close, view.quote, view.listings, view.actions, view.fundamentals)
    for one in symbols:
        said[one] = [
            *(_quiet(view.bars, one, how=how) for how in HOWS),
            _quiet(view.bars, one, **window),
            *(_quiet(ask, one) for ask in plain),
            _quiet(view.fundamentals, one, vintage="first"),
            _quiet(view.documents, "merger", symbol=one),
        ]
    return said


def _quiet(ask: Callable[..., Any], *asked: Any, **how: Any) -> Any:
    try:
        return _plain(ask(*asked, **how)) or None
    except NotFound:
        return None


def _plain(answer: Any) -> Any:
    """Return an answer as values that compare, NaN included; None for empty arrays."""
    if not hasattr(answer, "__dataclass_fields__"):
        return answer
    parts = asdict(answer)
    parts.pop("symbol", None)
    if not any(len(part) for part in parts.values() if isinstance(part, np.ndarray)):
        return None if any(isinstance(part, np.ndarray) for part in parts.values()) else parts
    return {
        name: (part.shape, part.tobytes()) if isinstance(part, np.ndarray) else part
        for name, part in parts.items()
    }


# Facts of any kind, around the first weeks of `DAYS`.

IDS = ("AAA", "BBB", "FOO", "FOO.2")
NAMES = ("AAA", "BBB", "FOO", "CCC", "BBB.1")
POOL = (*IDS, *NAMES, "FOO.1", "AAA.1", "CCC.1", "LATER", "NONE")
moments = st.tuples(st.sampled_from(FEW), st.integers(-30, 30)).map(
    lambda one: at_open(one[0]) + timedelta(hours=one[1])
)
sessions = st.sampled_from(FEW)
prices = st.sampled_from([NAN, 10.0, 20.0, 5.0, 40.0])
ids = st.sampled_from(IDS)
dated_ids = st.sampled_from(["x", "y", "z"])
actions = st.one_of(
    st.builds(
        lambda who, day, ratio, known, name, off: split(
            who, day, *ratio, known=known, action_id=f"s{name}", withdrawn=off
        ),
        ids, sessions, st.sampled_from([("2", "1"), ("1", "10")]), moments, dated_ids,
        st.booleans(),
    ),
    st.builds(
        lambda who, day, cash, known, name: dividend(
            who, day, cash, known=known, action_id=f"d{name}"
        ),
        ids, sessions, st.sampled_from(["0.5", "2"]), moments, dated_ids,
    ),
    st.builds(
        lambda who, day, symbol, known, name, off: action(
            who, "ticker_change", day, known=known, new_symbol=symbol, action_id=f"t{name}",
            withdrawn=off,
        ),
        ids, sessions, st.sampled_from(NAMES), moments, dated_ids, st.booleans(),
    ),
)  # fmt: skip
listings = st.builds(
    lambda who, symbol, first, known: listing(who, symbol, first, known=known),
    ids, st.sampled_from(NAMES), sessions, moments,
)  # fmt: skip
bars = st.builds(late_bar, ids, sessions, st.sampled_from([11.0, 33.0]), moments)
members = st.builds(
    lambda who, enters, stays, known: membership(
        who, enters, enters + timedelta(days=stays) if stays else None, known
    ),
    st.sampled_from([*IDS, "BARE"]), sessions, st.integers(0, 9), moments,
)  # fmt: skip
macros = st.builds(
    macro, st.sampled_from(["UNIT", "RATE"]), sessions, st.sampled_from([1.0, 2.0, None]), moments
)
fundamentals = st.builds(fundamental, ids, st.sampled_from([1.0, 2.0]), moments)
texts = st.builds(
    lambda name, words, published, symbol, known: text(
        name, words, published, (symbol,), known=known
    ),
    dated_ids, st.sampled_from(["merger", "profit merger", "frost"]), st.none() | moments,
    st.sampled_from(NAMES), moments,
)  # fmt: skip
KINDS = {
    "actions": actions, "listings": listings, "bars": bars, "members": members,
    "macro": macros, "fundamentals": fundamentals, "documents": texts,
}  # fmt: skip
facts_strategy = st.fixed_dictionaries(
    {kind: st.lists(one, max_size=4) for kind, one in KINDS.items()}
)
