"""The quality of a data set's prices: what is quarantined, what is reported, what is missing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

import numpy as np

from adapters.market.arrays import Days, Floats, PriceArrays
from adapters.market.findings import StackedBars, findings_of, reports_of
from interfaces.calendar import TradingCalendar
from quant.agreement import FIELDS, TOLERANCES, Disagreement, Series, compare_series
from quant.bar_stack import BarStack, Indices, Marks, Mask, marks
from quant.quality import check_stack
from schemas.market import DatasetInfo
from schemas.quality import CoverageReport, Finding, InstrumentCoverage, InstrumentQuality

_EXPLAINED = ("outlier_move", "suspected_split")


@dataclass(frozen=True, slots=True)
class Inspection:
    """Prices without their rejected bars, the first 1 000 findings, a report per instrument."""

    arrays: PriceArrays
    findings: tuple[Finding, ...]
    reports: tuple[InstrumentQuality, ...]

    @property
    def rejected(self) -> int:
        """How many bars were quarantined."""
        return sum(report.rejected for report in self.reports)


def inspect_prices(
    arrays: PriceArrays,
    calendar: TradingCalendar,
    *,
    close_only: bool,
    explained: Collection[tuple[str, date]] = (),
) -> Inspection:
    """Check every bar; a rejected one is NaN in all fields of the result.

    `explained` names moves that a known corporate action accounts for, as (instrument, session):
    they are no finding. A verdict may rest on the bars after: see the chapter "Quality" of
    `docs/data.md`. `arrays` are not changed; they are the result when nothing is rejected.
    """
    bars = _stacked(arrays, calendar, close_only=close_only)
    found = _unexplained(_checked(bars, close_only=close_only), bars, explained)
    rejected = np.zeros(len(bars.rows), dtype=np.bool_)
    for mark in found:
        if mark.reject:
            rejected[mark.bars] = True
    return Inspection(
        _without(arrays, bars, rejected),
        findings_of(found, bars),
        reports_of(found, bars, rejected),
    )


def _stacked(arrays: PriceArrays, calendar: TradingCalendar, *, close_only: bool) -> StackedBars:
    fields = {name: _down(getattr(arrays, name)) for name in ("close", "volume")}
    if not close_only:
        fields |= {name: _down(getattr(arrays, name)) for name in ("open", "high", "low")}
    present = np.zeros_like(fields["close"], dtype=np.bool_)
    for name in fields.keys() - {"volume"}:
        present |= ~np.isnan(fields[name])
    columns, rows = np.nonzero(present)
    days = arrays.sessions.astype("datetime64[D]")
    expected = _expected(days, calendar)
    picked = {name: values[present] for name, values in fields.items()}
    stack = BarStack(
        offsets=np.concatenate([[0], np.cumsum(present.sum(axis=1))]),
        session=np.searchsorted(expected, days)[rows],
        **{name: picked.get(name, picked["close"]) for name in FIELDS},
    )
    return StackedBars(arrays.symbols, days, expected, stack, rows, columns)


def _down(values: Floats) -> Floats:
    """Return the transpose with each column contiguous: a stack runs down one after the other."""
    return np.asfortranarray(values).T


def _expected(days: Days, calendar: TradingCalendar) -> Days:
    if not len(days):
        return days
    first, last = cast("tuple[date, date]", (days[0].item(), days[-1].item()))
    return np.array(calendar.sessions(first, last), dtype="datetime64[D]")


def _checked(bars: StackedBars, *, close_only: bool) -> list[Marks]:
    known = np.isin(bars.days, bars.expected)[bars.rows]
    found = check_stack(bars.stack.where(known), close_only=close_only)
    if known.all():
        return found
    index = np.flatnonzero(known)
    return [marks("no_session", ~known, reject=True), *(mark.at(index) for mark in found)]


def _unexplained(
    found: list[Marks], bars: StackedBars, explained: Collection[tuple[str, date]]
) -> list[Marks]:
    known = set(explained)
    if not known:
        return found

    def open_to_doubt(mark: Marks) -> Mask:
        keys = ((bars.symbols[bars.columns[bar]], bars.day(bar)) for bar in mark.bars.tolist())
        return np.array([key not in known for key in keys], dtype=np.bool_)

    return [mark.only(open_to_doubt(mark)) if mark.check in _EXPLAINED else mark for mark in found]


def _without(arrays: PriceArrays, bars: StackedBars, rejected: Mask) -> PriceArrays:
    if not rejected.any():
        return arrays
    at = (bars.rows[rejected], bars.columns[rejected])
    copies: dict[int, Floats] = {}
    fields: dict[str, Floats] = {}
    for name in FIELDS:
        values: Floats = getattr(arrays, name)
        if id(values) not in copies:  # of closes alone, four fields are one array
            copies[id(values)] = values.copy(order="K")
            copies[id(values)][at] = np.nan
        fields[name] = copies[id(values)]
    return replace(arrays, **fields)


def compare_prices(
    a: PriceArrays,
    b: PriceArrays,
    *,
    names: tuple[str, str] = ("the first source", "the second source"),
    tolerances: Mapping[str, float] = TOLERANCES,
) -> tuple[Finding, ...]:
    """Return where b differs from a in instruments that both have; see `compare_series`.

    `names` are what the two sources are called.
    """
    of_a = {symbol: column for column, symbol in enumerate(a.symbols)}
    return tuple(
        Finding(
            symbol=symbol,
            session=cast("date", one.first.item()),
            check="disagreement",
            severity="warn",
            detail=_apart(one, *names),
            sessions=one.sessions,
        )
        for column, symbol in enumerate(b.symbols)
        if symbol in of_a
        for one in compare_series(
            _series(a, of_a[symbol]), _series(b, column), tolerances=tolerances
        )
    )


def _series(arrays: PriceArrays, column: int) -> Series:
    values = {name: getattr(arrays, name)[:, column] for name in FIELDS}
    return Series(arrays.sessions.astype("datetime64[D]"), values)


def _apart(one: Disagreement, a: str, b: str) -> str:
    until = f" to {one.last}" if one.sessions > 1 else ""
    return (
        f"the {one.field} of {b} is {one.factor:.4g} times that of {a}{until}, at worst "
        f"{one.worst:.1%} apart"
    )


def coverage_of(
    info: DatasetInfo,
    arrays: PriceArrays,
    calendar: TradingCalendar,
    *,
    quality: Sequence[InstrumentQuality] | None = None,
) -> CoverageReport:
    """Count the bars of every instrument in every month, and the sessions without a sound one.

    `quality` has what an earlier inspection said, by the columns of `arrays`, of which the bars
    it rejected are gone; without it the arrays are inspected now.
    """
    if quality is None:
        inspection = inspect_prices(arrays, calendar, close_only=info.close_only)
        arrays, quality = inspection.arrays, inspection.reports
    expected = _expected(arrays.sessions.astype("datetime64[D]"), calendar)
    if not len(expected):
        return CoverageReport(dataset=info, months=(), sessions=(), instruments=())
    months = np.arange(expected[0].astype("M8[M]"), expected[-1].astype("M8[M]") + 1)
    edges = np.searchsorted(expected, np.append(months, months[-1] + 1).astype("M8[D]"))
    bars = _by_month(arrays, months)
    missing = np.maximum(_lived(quality, expected, edges) - bars, 0)
    return CoverageReport(
        dataset=info,
        months=tuple(np.datetime_as_string(months).tolist()),
        sessions=tuple(np.diff(edges).tolist()),
        instruments=tuple(
            InstrumentCoverage(quality=one, bars=tuple(own), missing=tuple(lacking))
            for one, own, lacking in zip(quality, bars.tolist(), missing.tolist(), strict=True)
        ),
    )


def _by_month(arrays: PriceArrays, months: Days) -> Indices:
    """Return the bars of each instrument in each month, shape (N, months)."""
    edges = np.searchsorted(arrays.sessions, np.append(months, months[-1] + 1).astype("M8[D]"))
    before = np.zeros((len(arrays.sessions) + 1, len(arrays.symbols)), dtype=np.intp)
    np.cumsum(~np.isnan(arrays.close), axis=0, out=before[1:])
    return np.diff(before[edges], axis=0).T


def _lived(quality: Sequence[InstrumentQuality], expected: Days, edges: Indices) -> Indices:
    """Return the sessions of each month from an instrument's first bar to its last."""
    begins = np.array([one.first or date.max for one in quality], dtype="M8[D]")
    ends = np.array([one.last or date.min for one in quality], dtype="M8[D]")
    first = np.searchsorted(expected, begins)[:, None]
    after = np.searchsorted(expected, ends, side="right")[:, None]
    return np.maximum(np.minimum(edges[1:], after) - np.maximum(edges[:-1], first), 0)
