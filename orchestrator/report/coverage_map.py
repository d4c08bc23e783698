"""The heat map of a coverage report: a row for each instrument, a column for each month.

A row is drawn from what is missing, so that a page of complete data is small: a blue bar over the
instrument's life, and on it, from the top, a mark as high as the missing share of its months.
Where there are too many marks for one page, months become quarters, then years; where there are
too many instruments, neighbours in the alphabet share a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from markupsafe import Markup

from orchestrator.report.svg import element, join
from orchestrator.report.words import MONTHS, percent
from schemas.quality import CoverageReport, InstrumentCoverage

MOST_ROWS = 500
MOST_MARKS = 9000
_HEIGHT = 10
_LEAST = 3
_UNITS = {1: "month", 3: "quarter", 12: "year"}


@dataclass(frozen=True)
class Row:
    """One instrument, or several that share a row: expected and missing sessions by month."""

    name: str
    expected: tuple[int, ...]
    missing: tuple[int, ...]

    @property
    def share(self) -> float | None:
        """The share of expected sessions that have a sound bar; None when none is expected."""
        total = sum(self.expected)
        return 1 - sum(self.missing) / total if total else None


@dataclass(frozen=True)
class Strip:
    """A row as it is drawn, with its share in words."""

    name: str
    drawing: Markup
    share: str
    complete: bool


@dataclass(frozen=True)
class HeatMap:
    """All rows, and how they were fitted to a page."""

    unit: str
    per_row: int
    strips: tuple[Strip, ...]
    axis: Markup


def rows_of(report: CoverageReport) -> tuple[tuple[Row, ...], int]:
    """Return the rows, and how many instruments share one at most."""
    per_row = -(-len(report.instruments) // MOST_ROWS) or 1
    groups = [
        report.instruments[first : first + per_row]
        for first in range(0, len(report.instruments), per_row)
    ]
    return tuple(_row(group) for group in groups), per_row


def _row(group: Sequence[InstrumentCoverage]) -> Row:
    names = [one.quality.symbol for one in group]
    missing = tuple(map(sum, zip(*(one.missing for one in group), strict=True)))
    bars = tuple(map(sum, zip(*(one.bars for one in group), strict=True)))
    expected = tuple(have + lack for have, lack in zip(bars, missing, strict=True))
    return Row(names[0] if len(names) == 1 else f"{names[0]} – {names[-1]}", expected, missing)


def heat_map(months: Sequence[str], rows: Sequence[Row], per_row: int) -> HeatMap:
    """Draw the rows as finely as fits into one page."""
    first = int(months[0][5:]) - 1
    step = next(
        (step for step in _UNITS if _marks(rows, step, first % step) <= MOST_MARKS), max(_UNITS)
    )
    strips = tuple(_strip(row, months, step=step, offset=first % step) for row in rows)
    return HeatMap(_UNITS[step], per_row, strips, _axis(months))


def _marks(rows: Sequence[Row], step: int, offset: int) -> int:
    return sum(
        any(row.missing[start:end]) for row in rows for start, end in _boxes(row, step, offset)
    )


def _boxes(row: Row, step: int, offset: int) -> list[tuple[int, int]]:
    """Return months, quarters or years as ranges of months; the first may be cut short."""
    edges = [0, *range(step - offset, len(row.missing), step), len(row.missing)]
    return list(pairwise(edges))


def _strip(row: Row, months: Sequence[str], *, step: int, offset: int) -> Strip:
    share = "–" if row.share is None else _share(sum(row.missing), sum(row.expected))
    lived = [month for month, sessions in enumerate(row.expected) if sessions]
    said = f"{row.name}: no bar"
    parts: list[Markup] = []
    if lived:
        first, last = lived[0], lived[-1]
        said = f"{row.name}: {share} of sessions, {_named(months, first, last + 1)}"
        parts = [_box(first, last + 1, "c0", height=_HEIGHT, title=said)]
        boxes = ((max(a, first), min(b, last + 1)) for a, b in _boxes(row, step, offset))
        parts += _missing(row, months, boxes)
    drawing = element(
        "svg", *parts, class_="cells", viewBox=f"0 0 {len(months)} {_HEIGHT}",
        preserveAspectRatio="none", role="img", aria_label=said,
    )  # fmt: skip
    return Strip(row.name, drawing, share, not any(row.missing))


def _missing(row: Row, months: Sequence[str], boxes: Iterable[tuple[int, int]]) -> list[Markup]:
    """Draw what is missing; neighbouring boxes without any bar are one."""
    found: list[tuple[int, int, int, int]] = []
    for start, end in boxes:
        lacking, wanted = sum(row.missing[start:end]), sum(row.expected[start:end])
        if not lacking:
            continue
        joined = found and found[-1][1] == start and found[-1][2] == found[-1][3]
        if joined and lacking == wanted:
            first, _, before, sessions = found.pop()
            found.append((first, end, before + lacking, sessions + wanted))
        else:
            found.append((start, end, lacking, wanted))
    return [
        _box(
            start,
            end,
            _grade(lacking / wanted),
            height=max(_LEAST, _HEIGHT * lacking / wanted),
            title=f"{_named(months, start, end)}: {lacking:,} of {wanted:,} sessions missing",
        )
        for start, end, lacking, wanted in found
    ]


def _grade(share: float) -> str:
    return "c4" if share == 1 else "c3" if share >= 0.5 else "c2" if share >= 0.05 else "c1"


def _box(start: int, end: int, style: str, *, height: float, title: str) -> Markup:
    return element(
        "rect", element("title", title), class_=style, x=start, width=end - start, height=height
    )


def _named(months: Sequence[str], start: int, end: int) -> str:
    first, last = _month(months[start]), _month(months[end - 1])
    return first if first == last else f"{first} – {last}"


def _month(month: str) -> str:
    return f"{MONTHS[int(month[5:]) - 1]} {month[:4]}"


def _axis(months: Sequence[str]) -> Markup:
    """Draw the years above the strips, as many as have room on a narrow screen."""
    starts = [k for k, month in enumerate(months) if month.endswith("-01")] or [0]
    every = next(n for n in (1, 2, 5, 10, 25, 100) if len(starts) / n <= 8)
    labels = [k for k in starts if int(months[k][:4]) % every == 0] or starts[:1]
    size = len(months)
    ticks = [
        join([
            element("line", x1=f"{k / size:.2%}", x2=f"{k / size:.2%}", y1=13, y2=18),
            # The last label is turned inwards where it would be cut off.
            element(
                "text", months[k][:4], x=f"{k / size:.2%}", y=11,
                text_anchor="end" if k > 0.93 * size else "start",
            ),
        ])
        for k in labels
    ]  # fmt: skip
    return element("svg", *ticks, class_="axis", width="100%", height="18", aria_hidden="true")


def by_year(
    months: Sequence[str], rows: Sequence[Row]
) -> tuple[list[str], list[tuple[str, list[tuple[str, str]]]]]:
    """Return the years, and for each row its share in each of them in per cent with its grade."""
    years = sorted({month[:4] for month in months})
    sizes = [sum(month.startswith(year) for month in months) for year in years]
    edges = [0, *accumulate(sizes)]
    ranges = list(pairwise(edges))
    return years, [
        (
            row.name,
            [_cell(sum(row.missing[a:b]), sum(row.expected[a:b])) for a, b in ranges],
        )
        for row in rows
    ]


def _cell(missing: int, expected: int) -> tuple[str, str]:
    if not expected:
        return "", ""
    if not missing:
        return "100", ""
    return f"{min(99.9, 100 * (1 - missing / expected)):.1f}", _grade(missing / expected)


def _share(missing: int, expected: int) -> str:
    """Write a share that says 100 per cent only when nothing is missing."""
    if not missing:
        return percent(1, 0)
    return percent(min(0.9999, 1 - missing / expected), 2)
