"""Made-up data sets on disk: random prices with gaps, and every kind of fact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from adapters.calendar import ExchangeCalendar
from adapters.market import stored
from adapters.market.facts import SCHEMAS, Facts, table_of
from adapters.market.segments import FIELDS
from adapters.market.table import PriceArrays
from schemas.facts import (
    CorporateAction,
    Fundamental,
    Listing,
    MacroValue,
    Membership,
    StoredDocument,
)
from schemas.market import DatasetInfo, ImportReport

NYSE = ExchangeCalendar("XNYS")
DAYS = NYSE.sessions(date(2020, 6, 1), date(2020, 7, 31))
STORED = datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)
SAID: dict[str, Any] = {"stored_time": STORED, "provider": "vendor"}


def prices(symbols: Sequence[str] = ("ABC", "XYZ"), *, seed: int = 1) -> PriceArrays:
    """Return random prices; the last symbol lacks every third session."""
    generator = np.random.default_rng(seed)
    shape = (len(DAYS), len(symbols))
    close = np.round(50 * np.exp(np.cumsum(generator.normal(0, 0.01, shape), axis=0)), 2)
    close[::3, -1] = np.nan
    volume = np.where(np.isnan(close), np.nan, generator.integers(1, 999, shape))
    opened = np.round(close * 1.01, 2)
    high, low = np.round(close * 1.02, 2), np.round(close * 0.98, 2)
    return PriceArrays(
        tuple(symbols), np.array(DAYS, "datetime64[D]"), opened, high, low, close, volume
    )


def at(day: int, **after: float) -> datetime:
    """Return the close of the session with that number, and some time after it."""
    return NYSE.closes_at(DAYS[day]) + timedelta(**after)


def late_bar(symbol: str, day: int, close: float, known: datetime) -> dict[str, Any]:
    """Return a bar that became known at that moment; all its prices are the close."""
    values = dict.fromkeys(FIELDS, close)
    return {"instrument": symbol, "session": DAYS[day], **values, "known_time": known, **SAID}


def bar_facts(bars: Iterable[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(bars), schema=SCHEMAS["bars"])


def every_kind() -> Facts:
    """Return facts of every kind."""
    known = at(3)
    action = CorporateAction(
        action_id="a1",
        instrument="ABC",
        kind="cash_dividend",
        ex_date=DAYS[9],
        cash=Decimal("0.25"),
        known_time=known,
        **SAID,
    )
    split = CorporateAction(
        action_id="a2",
        instrument="XYZ",
        kind="split",
        ex_date=DAYS[20],
        new_units=Decimal(3),
        old_units=Decimal(2),
        known_time=known,
        **SAID,
    )
    listing = Listing(
        instrument="ABC", symbol="ABC", first_session=DAYS[0], known_time=known, **SAID
    )
    member = Membership(universe="two", instrument="ABC", enters=DAYS[2], known_time=known, **SAID)
    macro = [
        MacroValue(
            series="UNRATE", period=date(2020, 5, 1), value=value, known_time=at(day), **SAID
        )
        for day, value in ((1, 13.3), (9, 13.2), (12, None))
    ]
    figure = Fundamental(
        instrument="ABC",
        field="eps",
        period_end=date(2020, 3, 31),
        value=1.5,
        unit="USD",
        known_time=known,
        **SAID,
    )
    text = StoredDocument(
        document_id="d1",
        title="ABC – grün",
        text="Nothing happened.",
        published_at=known,
        symbols=("ABC", "XYZ"),
        known_time=known,
        **SAID,
    )
    return Facts(
        {
            "bars": bar_facts([late_bar("ABC", 4, 77.0, at(6))]),
            "actions": table_of("actions", [action, split]),
            "listings": table_of("listings", [listing]),
            "members": table_of("members", [member]),
            "macro": table_of("macro", macro),
            "fundamentals": table_of("fundamentals", [figure]),
            "documents": table_of("documents", [text]),
        }
    )


def manifest(name: str, symbols: Sequence[str]) -> stored.Manifest:
    """Return a manifest as an importer gives it."""
    info = DatasetInfo(
        name=name,
        description="made up",
        data_hash="0" * 64,
        calendar="XNYS",
        currency="USD",
        close_only=False,
        adjustment="raw",
        symbols=tuple(symbols),
        benchmarks=(),
        caveats=(),
    )
    report = ImportReport(
        name=name,
        rows_read=1,
        rows_kept=1,
        rows_rejected=0,
        rejected=(),
        symbols=tuple(symbols),
        data_hash="0" * 64,
    )
    return stored.Manifest(info=info, file="", sha256="0" * 64, report=report)


def put(
    home: Path, arrays: PriceArrays | None = None, facts: Facts | None = None, *, name: str = "mine"
) -> stored.Manifest:
    """Write a data set below that home as an importer does."""
    arrays = arrays or prices()
    with stored.alone(home / "data"):
        return stored.write(
            home / "data" / name,
            manifest(name, arrays.symbols),
            arrays,
            facts,
            stored_time=STORED,
        )


def same(one: PriceArrays, other: PriceArrays) -> bool:
    """Tell whether both hold the same values."""
    return (
        one.symbols == other.symbols
        and np.array_equal(one.sessions, other.sessions)
        and all(
            np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)
            for name in FIELDS
        )
    )
