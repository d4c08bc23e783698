"""Markets whose every bar is written down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from adapters.market.facts import Facts, table_of
from adapters.market.table import PriceArrays, PriceTable
from schemas.facts import CorporateAction
from schemas.market import DatasetInfo
from tests.trading.samples import DAYS, NYSE


def bar_market(
    bars: Mapping[str, Sequence[str]],
    *,
    actions: Iterable[CorporateAction] = (),
    close_only: bool = False,
) -> PriceTable:
    """Return the market of these bars, one a session from the first of `DAYS` on.

    A bar is `open high low close` with the volume behind it where it is known; an empty one is
    none, and after the last the name has no more.
    """
    known, symbols = tuple(actions), tuple(sorted(bars))
    values = np.full((5, len(DAYS), len(symbols)), np.nan)
    for column, symbol in enumerate(symbols):
        for row, text in enumerate(bars[symbol]):
            numbers = [float(each) for each in text.split()]
            values[: len(numbers), row, column] = numbers
    arrays = PriceArrays(symbols, np.array(DAYS, "datetime64[D]"), *values)
    new = {str(each.new_symbol) for each in known if each.new_symbol is not None}
    info = DatasetInfo(
        name="written",
        description="written down",
        data_hash=arrays.digest(),
        calendar="XNYS",
        currency="USD",
        close_only=close_only,
        adjustment="raw",
        symbols=tuple(sorted({*symbols, *new})),
        benchmarks=(),
        caveats=(),
        actions=len(known),
    )
    return PriceTable(info, arrays, NYSE, Facts({"actions": table_of("actions", known)}))


FLAT = "100 100 100 100 1000"
"""A session in which nothing moves."""
