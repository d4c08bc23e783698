"""Small made-up markets with facts, and everything that a view of one says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from adapters.calendar import ExchangeCalendar
from adapters.market.facts import SCHEMAS, Facts, table_of
from adapters.market.table import PriceArrays, PriceTable, TableView
from interfaces.market import Reading
from schemas.errors import NotFound
from schemas.facts import CorporateAction, Listing
from schemas.market import DatasetInfo

NYSE = ExchangeCalendar("XNYS")
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


@dataclass(frozen=True)
class World:
    """Closes by instrument (NaN: no bar) on consecutive sessions, and facts by kind."""

    days: Sequence[date]
    closes: Mapping[str, Sequence[float]]
    facts: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    benchmarks: tuple[str, ...] = ()
    close_only: bool = False

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
        )  # fmt: skip
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
