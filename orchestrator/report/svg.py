"""What every chart is drawn from: elements, scales, ticks, thinned paths.

Pure: the same input gives the same bytes. Coordinates are rounded to a tenth of a unit. Colours
are classes of the style sheet, never values, so that one drawing serves light, dark and print.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise

from markupsafe import Markup, escape

from orchestrator.report.words import MONTHS

Point = tuple[float, float]


def coordinate(value: float) -> str:
    """Write a coordinate with at most one decimal."""
    text = f"{value:.1f}"
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def element(name: str, *children: str, **attributes: str | float | None) -> Markup:
    """Build one element; text and attributes are escaped, `Markup` is taken as it is.

    `class_` and `x_y` become `class` and `x-y`; an attribute that is None is left out.
    """
    written: list[str] = []
    for key, value in attributes.items():
        if value is None:
            continue
        text = coordinate(value) if isinstance(value, float | int) else value
        written.append(f' {key.rstrip("_").replace("_", "-")}="{escape(text)}"')
    inside = "".join(str(escape(child)) for child in children)
    return Markup(f"<{name}{''.join(written)}>{inside}</{name}>")  # noqa: S704 - escaped above


def join(parts: Sequence[str]) -> Markup:
    """Concatenate; what is not `Markup` is escaped."""
    return Markup("").join(parts)


@dataclass(frozen=True)
class Frame:
    """A drawing with margins; `narrow` is the one for small screens."""

    width: float
    height: float
    left: float = 44
    right: float = 10
    top: float = 10
    bottom: float = 22
    narrow: bool = False

    @property
    def x_end(self) -> float:
        """The right edge of the plot."""
        return self.width - self.right

    @property
    def y_end(self) -> float:
        """The bottom edge of the plot."""
        return self.height - self.bottom


@dataclass(frozen=True)
class Scale:
    """A linear map from values to coordinates."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Map one value; a scale without extent maps all to its start."""
        if self.high == self.low:
            return self.start
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Choose round values (1, 2, 2.5 or 5 times a power of ten) within [low, high]."""
    if not high > low:
        return [low]
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(f * power for f in (1, 2, 2.5, 5, 10) if f * power >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 10) for k in range(first, last + 1)]


def padded(values: Sequence[float], *, zero: bool = False) -> tuple[float, float]:
    """Return a range around the values; with `zero` it starts at 0 where all are above."""
    low, high = min(values), max(values)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high == low:
        return (low - 1, high + 1) if not zero else (low, low + 1)
    room = (high - low) * 0.05
    return (low - room if low < 0 or not zero else 0.0, high + room)


def date_ticks(first: date, last: date, count: int = 6) -> list[tuple[date, str]]:
    """Choose starts of years, quarters or months between two dates, at most about `count`."""
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    step = next((s for s in (1, 3, 6, 12, 24, 60, 120) if months / s <= count + 0.5), 240)
    found: list[tuple[date, str]] = []
    for index in range(first.year * 12, (last.year + 1) * 12, step):
        start = date(index // 12, index % 12 + 1, 1)
        if first <= start <= last or (start < first and (first - start).days < 8):
            label = str(start.year) if start.month == 1 else MONTHS[start.month - 1]
            found.append((max(start, first), label))
    if len(found) < 2:
        return [(first, f"{first.day} {MONTHS[first.month - 1]} {first.year}")]
    if not any(label.isdigit() for _, label in found):
        found[0] = (found[0][0], f"{found[0][1]} {found[0][0].year}")
    return found


def thin(points: Sequence[Point]) -> list[Point]:
    """Keep per unit of width the first, lowest, highest and last point: no extreme is lost."""
    kept: list[Point] = []
    for _, group in groupby(points, key=lambda point: math.floor(point[0])):
        column = list(group)
        lowest = min(range(len(column)), key=lambda k: column[k][1])
        highest = max(range(len(column)), key=lambda k: column[k][1])
        chosen = sorted({0, lowest, highest, len(column) - 1})
        kept.extend(column[k] for k in chosen)
    return kept


def path(points: Sequence[Point], *, close: bool = False) -> str:
    """Write points as a path in relative steps between rounded positions: no drift, few bytes."""
    rounded = [(round(x * 10), round(y * 10)) for x, y in points]
    if not rounded:
        return ""
    parts = [f"M{coordinate(rounded[0][0] / 10)} {coordinate(rounded[0][1] / 10)}"]
    steps = [
        f"{coordinate((x - px) / 10)} {coordinate((y - py) / 10)}"
        for (px, py), (x, y) in pairwise(rounded)
        if (x, y) != (px, py)
    ]
    if steps:
        parts.append("l" + " ".join(steps))
    return "".join(parts) + ("z" if close else "")


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move positions apart to at least `gap`, keeping their order, within [low, high]."""
    order = sorted(range(len(wanted)), key=lambda k: wanted[k])
    placed: list[float] = []
    for k in order:
        placed.append(max(wanted[k], placed[-1] + gap if placed else low))
    limit = high
    for k in reversed(range(len(placed))):
        placed[k] = min(placed[k], limit)
        limit = placed[k] - gap
    result = [0.0] * len(wanted)
    for position, k in zip(placed, order, strict=True):
        result[k] = position
    return result
