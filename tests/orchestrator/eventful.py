"""The made-up market with facts beside its prices; those known from a session on can be others."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from adapters.market.facts import SCHEMAS, Facts, table_of
from adapters.market.table import Floats, PriceArrays, PriceTable
from schemas.facts import Membership
from schemas.market import DatasetInfo
from tests.adapters.market_worlds import action, at_open, dividend, late_bar, listing, split
from tests.orchestrator.markets import BENCHMARK, CANARY, DAYS, EXCHANGE, NYSE, SYMBOLS

UNIVERSE = "best"
_IDS = (*SYMBOLS, BENCHMARK)
_SPLIT_ON = date(2020, 1, 30)
_POISON = float(CANARY) + 0.25


def eventful(*, exchanged: bool) -> PriceTable:
    """Return random walks with actions, restatements, new tickers and members.

    With `exchanged` whatever becomes known at the open of `EXCHANGE` or later is poison: prices,
    splits of the past, restated bars, members that leave, another company's ticker.
    """
    generator = np.random.default_rng(23)
    shape = (len(DAYS), len(_IDS))
    walk = np.cumsum(generator.normal(0.0004, 0.015, shape), axis=0)
    close = np.round(np.array([80.0, 42.0, 17.5, 230.0, 64.0, 3000.0]) * np.exp(walk), 3)
    start = np.round(close * (1 + generator.normal(0, 0.004, shape)), 3)
    split_row, row = DAYS.index(_SPLIT_ON), DAYS.index(EXCHANGE)
    for prices in (start, close):
        prices[:split_row, 0] *= 2  # as traded before two for one
        prices[:row, SYMBOLS.index("FUTR")] = np.nan
        if exchanged:
            prices[row:] = float(CANARY) + np.round(
                generator.uniform(0, 0.99, prices[row:].shape), 2
            )
    facts = _before()
    for kind, rows in (_poison() if exchanged else _harmless()).items():
        facts[kind] = [*facts[kind], *rows]
    return _table(start, close, Facts({kind: _rows(kind, rows) for kind, rows in facts.items()}))


def _before() -> dict[str, list[Any]]:
    return {
        "actions": [
            split("AAA", _SPLIT_ON, "2", known=at_open(date(2020, 1, 28))),
            dividend("BBB", date(2020, 2, 3), "0.3", known=at_open(date(2020, 1, 30))),
            action("DDD", "ticker_change", date(2020, 2, 4), new_symbol="EEE",
                   known=at_open(date(2020, 2, 3))),
        ],
        "listings": [],
        "bars": [late_bar("CCC", date(2020, 1, 28), 18.0, at_open(date(2020, 1, 30)))],
        "members": [
            *(_member(one, date(2019, 1, 2)) for one in ("AAA", "BBB", "CCC")),
            _member("DDD", date(2020, 1, 31), known=at_open(date(2020, 1, 29))),
        ],
    }  # fmt: skip


def _poison() -> dict[str, list[Any]]:
    now, later = at_open(EXCHANGE), at_open(date(2020, 2, 10))
    return {
        "actions": [
            split("AAA", date(2020, 1, 15), "3", known=now),
            split("BBB", EXCHANGE, "7", known=now),
            dividend("CCC", date(2020, 2, 4), "0.9", known=now),
            action("CCC", "delisting", date(2020, 2, 7), cash="1", known=now),
            action("DDD", "ticker_change", date(2020, 2, 11), new_symbol="FFF", known=later),
        ],
        "listings": [listing("FUTR", "BBB", EXCHANGE, known=now)],
        "bars": [
            late_bar(one, day, _POISON, now)
            for one in ("AAA", "BBB")
            for day in (date(2020, 2, 4), NYSE.previous(EXCHANGE))
        ],
        "members": [
            _member("AAA", date(2019, 1, 2), known=now, leaves=EXCHANGE),
        ],
    }


def _harmless() -> dict[str, list[Any]]:
    late = at_open(date(2020, 2, 11))
    return {
        "actions": [dividend("AAA", date(2020, 2, 12), "0.1", known=late)],
        "members": [_member("CCC", date(2019, 1, 2), known=late, leaves=date(2020, 2, 12))],
    }


def _member(
    who: str, enters: date, *, leaves: date | None = None, known: datetime | None = None
) -> Membership:
    at = known or at_open(date(2019, 1, 2))
    return Membership(
        universe=UNIVERSE, instrument=who, enters=enters, leaves=leaves, known_time=at,
        stored_time=at, provider="test",
    )  # fmt: skip


def _rows(kind: str, rows: list[Any]) -> pa.Table:
    if kind == "bars":
        return pa.Table.from_pylist(rows, schema=SCHEMAS["bars"])
    return table_of(kind, rows)


def _table(start: Floats, close: Floats, facts: Facts) -> PriceTable:
    arrays = PriceArrays(
        symbols=_IDS,
        sessions=np.array(DAYS, "datetime64[D]"),
        open=start,
        high=np.fmax(start, close),
        low=np.fmin(start, close),
        close=close,
        volume=np.full_like(close, np.nan),
    )
    info = DatasetInfo(
        name="made",
        description="random walks",
        data_hash="b" * 64,
        calendar="XNYS",
        currency="USD",
        close_only=False,
        adjustment="raw",
        symbols=SYMBOLS,
        benchmarks=(BENCHMARK,),
        caveats=(),
    )
    tickers = PriceTable(info, arrays, NYSE, facts).tickers()
    return PriceTable(info.model_copy(update={"symbols": tickers}), arrays, NYSE, facts)
