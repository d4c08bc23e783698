"""Files of prices to import, and the market that comes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from adapters.calendar import ExchangeCalendar
from adapters.market.catalog import LocalCatalog
from adapters.market.files import ImportOptions, import_dataset
from interfaces.market import MarketView
from schemas.market import ImportReport

NYSE = ExchangeCalendar("XNYS")
NOW = datetime(2026, 1, 2, tzinfo=UTC)
YEAR = NYSE.sessions(date(2019, 1, 2), date(2019, 12, 31))
HEADER = "date,symbol,open,high,low,close,volume"


def prices(
    symbol: str, days: Sequence[date], price: Callable[[int], float] | float = 50.0
) -> list[str]:
    """Write bars that wander a little about a price."""
    lines: list[str] = []
    for at, day in enumerate(days):
        level = (price(at) if callable(price) else price) * (1 + 0.002 * (at % 5))
        cells = (level, level * 1.01, level * 0.99, level * 1.001)
        lines.append(f"{day},{symbol},{','.join(f'{cell:.4f}' for cell in cells)},{1000 + at}")
    return lines


def table(path: Path, header: str, rows: Sequence[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def imported(
    home: Path,
    path: Path,
    *,
    tables: Mapping[str, Path] | None = None,
    **options: Any,
) -> tuple[ImportReport, Callable[[date], MarketView]]:
    """Import, and return the report and a way to look at the market on the morning of a day."""
    chosen = ImportOptions(now=NOW, replace=True, tables=tables or {}, **options)
    report = import_dataset(path, "mine", home=home, options=chosen)
    market = LocalCatalog(home).open("mine")
    return report, lambda day: market.view(NYSE.opens_at(day))
