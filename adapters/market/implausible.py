"""Bars that the series around them shows to be wrong, taken out at import."""

from __future__ import annotations

from datetime import date

import numpy as np

from adapters.market.actions import Statements
from adapters.market.arrays import PriceArrays
from adapters.market.compare import Compared
from adapters.market.inspection import inspect_prices
from adapters.market.screen import RowScreen
from adapters.market.segments import FIELDS

_CELLS = 1 << 18


def quarantine_bars(compared: Compared, screen: RowScreen, said: Statements) -> None:
    """Move the bars that an inspection rejects from the arrays into the quarantine.

    Stated splits are adjusted for while it looks. `InvalidRequest` when no bar is left.
    """
    whole = compared.arrays
    step = max(1, _CELLS // len(whole.sessions))  # so that few are copied at a time
    bad = np.zeros(whole.close.shape, dtype=np.bool_, order="F")
    why: dict[tuple[str, date], str] = {}
    for first in range(0, len(whole.symbols), step):
        some = slice(first, first + step)
        part = _in_last_units(whole, some, said)
        found = inspect_prices(
            part, screen.calendar, close_only=screen.close_only, explained=said.judged.shown
        )
        if found.arrays is not part:
            bad[:, some] = ~np.isnan(part.close) & np.isnan(found.arrays.close)
        for each in found.findings:
            if each.severity == "reject":
                why[each.symbol, each.session] = each.check

    def reason(row: int, column: int) -> str:
        check = why.get((whole.symbols[column], whole.sessions[row].item()), "quality")
        return f"bar cannot be true beside its neighbours ({check})"

    if bad.any():
        compared.refuse(bad, reason, screen)
        if np.isnan(whole.close).all():
            raise screen.quarantine.nothing_usable(screen.last_source, screen.read)


def _in_last_units(whole: PriceArrays, some: slice, said: Statements) -> PriceArrays:
    """Return some columns, those with stated splits as if there had been none."""
    ids = whole.symbols[some]
    fields = {name: getattr(whole, name)[:, some] for name in FIELDS}
    shown = [(who, day) for who, day in said.judged.shown if who in ids]
    if shown:
        fields = {name: values.copy(order="F") for name, values in fields.items()}
    for who, day in shown:
        before = slice(0, int(whole.sessions.searchsorted(np.datetime64(day, "D"))))
        ratio = said.splits.ratios[who, day]
        for name, values in fields.items():
            values[before, ids.index(who)] *= ratio if name == "volume" else 1 / ratio
    return PriceArrays(ids, whole.sessions, **fields)
