"""What checks found in a data set's bars: findings in words, and counts per instrument."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import cast

import numpy as np

from adapters.market.arrays import Days
from quant.bar_stack import BarStack, Indices, Marks, Mask, marks
from schemas.quality import Check, CheckCount, Finding, InstrumentQuality, Severity

REPORTED = 1000
"""How many findings are told one by one; the counts of an instrument are always complete."""


@dataclass(frozen=True, slots=True)
class StackedBars:
    """M bars as a stack, and where each of them is in the arrays it was taken from.

    `rows` and `columns` have shape (M,); `days` are the arrays' sessions (T,), `expected` the
    exchange's from the first of them to the last: `stack.session` counts in these.
    """

    symbols: tuple[str, ...]
    days: Days
    expected: Days
    stack: BarStack
    rows: Indices
    columns: Indices

    def day(self, bar: int) -> date:
        """Return a bar's session."""
        return cast("date", self.days[self.rows[bar]].item())

    def gaps(self) -> Marks:
        """Mark every bar that comes after missing sessions; the figure is how many."""
        session = self.stack.session
        missing = np.zeros(len(session))
        missing[1:] = np.diff(session) - 1
        missing[~self.stack.follows()] = 0
        found = marks("missing", missing > 0, reject=False, figure=missing)
        return replace(found, lengths=found.figure.astype(np.intp))


def findings_of(found: Sequence[Marks], bars: StackedBars) -> tuple[Finding, ...]:
    """Return the first 1 000 findings: rejections before warnings, by instrument and session."""
    told = [mark for mark in (*found, bars.gaps()) if len(mark.bars)]
    if not told:
        return ()
    sizes = [len(mark.bars) for mark in told]
    source = np.repeat(np.arange(len(told)), sizes)
    place = np.concatenate([np.arange(size) for size in sizes])
    bar = np.concatenate([mark.bars for mark in told])
    kept = np.array([not mark.reject for mark in told])[source]
    first = np.lexsort((bar, kept))[:REPORTED].tolist()
    return tuple(_finding(told[source[k]], int(place[k]), bars) for k in first)


def _finding(mark: Marks, place: int, bars: StackedBars) -> Finding:
    bar = int(mark.bars[place])
    session = bars.day(bar)
    if mark.check == "missing":
        session = cast("date", bars.expected[bars.stack.session[bar - 1] + 1].item())
    return Finding(
        symbol=bars.symbols[bars.columns[bar]],
        session=session,
        check=cast("Check", mark.check),
        severity="reject" if mark.reject else "warn",
        detail=sentence(mark.check, float(mark.figure[place])),
        sessions=int(mark.lengths[place]),
    )


def reports_of(
    found: Sequence[Marks], bars: StackedBars, rejected: Mask
) -> tuple[InstrumentQuality, ...]:
    """Return one report per instrument; `rejected` (M,) are the bars that are quarantined."""
    total = len(bars.symbols)
    warned = np.zeros(len(rejected), dtype=np.bool_)
    counts: dict[Severity, dict[str, Indices]] = {"reject": {}, "warn": {}}
    for mark in found:
        about = mark.every()
        if not mark.reject:
            about = about[~rejected[about]]
            warned[about] = True
        by_check = counts["reject" if mark.reject else "warn"]
        added = np.bincount(bars.columns[about], minlength=total)
        by_check[mark.check] = by_check.get(mark.check, np.zeros(total, np.intp)) + added
    gaps = bars.gaps()
    missing = np.bincount(bars.columns[gaps.bars], weights=gaps.figure, minlength=total)
    refused = np.bincount(bars.columns[rejected], minlength=total)
    doubtful = np.bincount(bars.columns[warned], minlength=total)
    offsets = bars.stack.offsets.tolist()
    return tuple(
        InstrumentQuality(
            symbol=symbol,
            first=bars.day(offsets[k]) if offsets[k] < offsets[k + 1] else None,
            last=bars.day(offsets[k + 1] - 1) if offsets[k] < offsets[k + 1] else None,
            bars=offsets[k + 1] - offsets[k],
            missing=int(missing[k]),
            rejected=int(refused[k]),
            warned=int(doubtful[k]),
            rejections=_counts(counts["reject"], k),
            warnings=_counts(counts["warn"], k),
        )
        for k, symbol in enumerate(bars.symbols)
    )


def _counts(by_check: Mapping[str, Indices], column: int) -> tuple[CheckCount, ...]:
    found = [(-int(bars[column]), check) for check, bars in by_check.items() if bars[column]]
    return tuple(
        CheckCount(check=cast("Check", check), bars=-bars) for bars, check in sorted(found)
    )


_SENTENCES: Mapping[str, Callable[[float], str]] = {
    "no_session": lambda _: "the exchange had no session that day",
    "non_finite": lambda _: "a price or the volume is not a finite number",
    "non_positive": lambda _: "a price is not above zero",
    "negative_volume": lambda figure: f"the volume is {figure:,g}",
    "swapped_high_low": lambda _: "high and low are swapped",
    "ohlc": lambda _: "open and close do not lie between low and high",
    "duplicate_bar": lambda _: "the bar repeats the one before it to the last digit",
    "decimal_point": lambda figure: (
        f"the close is {_times(figure)} that of the sessions before and after: "
        "a misplaced decimal point"
    ),
    "bad_print": lambda figure: (
        f"the close is {_times(figure)} that of the session before, and goes back"
    ),
    "open_spike": lambda figure: (
        f"the open is {_times(figure)} both the close before and the session's own"
    ),
    "range_spike": lambda figure: (
        f"the {'high' if figure > 1 else 'low'} is {_times(figure)} the nearer of open and close"
    ),
    "outlier_move": lambda figure: f"the close moved by {1 / figure - 1:+.1%} and did not go back",
    "suspected_split": lambda figure: (
        f"the close moved by {1 / figure - 1:+.1%}, as a {_split(figure)} split makes it"
    ),
    "stale": lambda figure: f"the close is the same for {figure:.0f} sessions",
    "zero_volume": lambda _: "the price moved without any volume",
    "volume_units": lambda figure: f"the volume is {_times(figure)} the usual",
    "missing": lambda figure: f"no bar in {_sessions(figure)}",
}


def sentence(check: str, figure: float) -> str:
    """Say what a check of `quant.quality` found; `figure` is what it measured."""
    return _SENTENCES[check](figure)


def _times(factor: float) -> str:
    return f"{factor:,.3g} times" if factor < 1000 else f"{factor:,.0f} times"


def _split(ratio: float) -> str:
    size = max(ratio, 1 / ratio)
    # Only 3:2 and 5:2 are usual among the broken ones.
    nearest = min((1.5, 2.5, float(max(2, round(size)))), key=lambda one: abs(math.log(size / one)))
    return f"{nearest:g}:1" if ratio > 1 else f"1:{nearest:g}"


def _sessions(figure: float) -> str:
    return "one session" if figure == 1 else f"{figure:,.0f} sessions"
