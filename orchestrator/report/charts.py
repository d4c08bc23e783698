"""Charts as inline SVG: lines, areas under water, stacked bars, fans, bars on a shared scale.

Each function is pure and returns one `<svg>` with a text alternative. Series differ by dash,
label or hatching as well as by colour. `frame.narrow` asks for the drawing for small screens,
where lines end in letters that a legend explains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from orchestrator.report.svg import (
    Frame,
    Point,
    Scale,
    date_ticks,
    element,
    join,
    padded,
    path,
    spread,
    thin,
    ticks,
)

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LABEL_GAP = 14.0


@dataclass(frozen=True)
class Line:
    """A curve over dates: `style` is its class, `note` stands at its end; `stepped` holds."""

    name: str
    points: tuple[tuple[date, float], ...]
    style: str
    note: str = ""
    stepped: bool = False


@dataclass(frozen=True)
class Layer:
    """One part of every bar of a stack."""

    name: str
    values: tuple[float, ...]
    style: str


@dataclass(frozen=True)
class Axis:
    """How values are written, and which are marked: `zero` keeps 0 in view, `base` is a rule."""

    write: Callable[[float], str]
    zero: bool = False
    base: float | None = None
    base_note: str = ""
    count: int = 5
    low: float | None = None
    high: float | None = None

    def range(self, values: Sequence[float]) -> tuple[float, float]:
        """Choose the range to draw."""
        wanted = [*values, *([self.base] if self.base is not None else [])] or [0.0, 1.0]
        low, high = padded(wanted, zero=self.zero)
        return (
            self.low if self.low is not None else low,
            self.high if self.high is not None else high,
        )


def _svg(frame: Frame, label: str, parts: Sequence[str]) -> Markup:
    cross = element(
        "line", class_="cross", x1=-9, x2=-9, y1=frame.top, y2=frame.y_end, aria_hidden="true"
    )
    return element(
        "svg",
        *parts,
        cross,
        viewBox=f"0 0 {frame.width:g} {frame.height:g}",
        class_="plot narrow" if frame.narrow else "plot wide",
        role="img",
        aria_label=label,
        data_left=frame.left,
        data_right=frame.x_end,
    )


def _grid(frame: Frame, y: Scale, axis: Axis) -> list[Markup]:
    parts: list[Markup] = []
    for value in ticks(y.low, y.high, axis.count):
        at = y(value)
        style = "rule zero" if value == 0 and axis.zero else "rule"
        parts.append(element("line", class_=style, x1=frame.left, x2=frame.x_end, y1=at, y2=at))
        parts.append(
            element("text", axis.write(value), class_="tick y", x=frame.left - 6, y=at + 3.5)
        )
    if axis.base is not None:
        at = y(axis.base)
        parts.append(element("line", class_="base", x1=frame.left, x2=frame.x_end, y1=at, y2=at))
        if axis.base_note:
            parts.append(
                element("text", axis.base_note, class_="note over", x=frame.x_end - 4, y=at - 5)
            )
    return parts


def _dates(frame: Frame, x: Scale, first: date, last: date) -> list[Markup]:
    parts: list[Markup] = []
    for when, text in date_ticks(first, last, 4 if frame.width < 500 else 7):
        at = x(when.toordinal())
        year = text.isdigit()
        parts.append(
            element(*("line",), class_="stub", x1=at, x2=at, y1=frame.y_end, y2=frame.y_end + 4)
        )
        parts.append(
            element(
                "text", text, class_="tick x year" if year else "tick x", x=at, y=frame.height - 4
            )
        )
    return parts


def _place(line: Line, x: Scale, y: Scale) -> list[Point]:
    placed = [(x(when.toordinal()), y(value)) for when, value in line.points]
    if not line.stepped:
        return thin(placed)
    steps: list[Point] = placed[:1]
    for point in placed[1:]:
        steps += [(point[0], steps[-1][1]), point]
    return steps


def _ends(lines: Sequence[Line], frame: Frame, y: Scale) -> list[Markup]:
    drawn = [(k, line) for k, line in enumerate(lines) if line.points]
    wanted = [y(line.points[-1][1]) + 3.5 for _, line in drawn]
    placed = spread(wanted, _LABEL_GAP, frame.top + 6, frame.y_end)
    parts: list[Markup] = []
    for (k, line), at in zip(drawn, placed, strict=True):
        text = LETTERS[k % len(LETTERS)] if frame.narrow else line.name
        note = element("tspan", line.note, class_="end", dx=5) if not frame.narrow else ""
        parts.append(
            element("text", text, note, class_=f"label {line.style}", x=frame.x_end + 7, y=at)
        )
    return parts


def line_chart(lines: Sequence[Line], *, frame: Frame, axis: Axis, label: str) -> Markup:
    """Draw curves over dates, each with its name at its end."""
    days = [when for line in lines for when, _ in line.points]
    if not days:
        return Markup()
    first, last = min(days), max(days)
    x = Scale(first.toordinal(), last.toordinal(), frame.left, frame.x_end)
    y = Scale(*axis.range([v for line in lines for _, v in line.points]), frame.y_end, frame.top)
    curves = [
        element("path", class_=f"curve {line.style}", d=path(_place(line, x, y)))
        for line in reversed(lines)
        if line.points
    ]
    parts = [*_grid(frame, y, axis), *_dates(frame, x, first, last), *curves]
    return _svg(frame, label, [*parts, *_ends(lines, frame, y)])


def area_chart(
    line: Line, *, frame: Frame, axis: Axis, label: str, beside: Line | None = None
) -> Markup:
    """Draw the area between a curve and 0, with a yardstick's curve, and mark the lowest point."""
    if not line.points:
        return Markup()
    days = [when for when, _ in (*line.points, *(beside.points if beside else ()))]
    first, last = min(days), max(days)
    x = Scale(first.toordinal(), last.toordinal(), frame.left, frame.x_end)
    others = [v for _, v in beside.points] if beside else []
    y = Scale(*axis.range([*(v for _, v in line.points), *others]), frame.y_end, frame.top)
    outline = _place(line, x, y)
    ground = [(outline[-1][0], y(0)), (outline[0][0], y(0))]
    parts = [
        *_grid(frame, y, axis),
        *_dates(frame, x, first, last),
        element("path", class_=f"area {line.style}", d=path([*outline, *ground], close=True)),
        element("path", class_=f"curve {line.style}", d=path(outline)),
    ]
    if beside and beside.points:
        parts.append(element("path", class_=f"curve {beside.style}", d=path(_place(beside, x, y))))
    if line.note:
        when, depth = min(line.points, key=lambda point: (point[1], point[0]))
        parts.append(_mark(frame, (x(when.toordinal()), y(depth)), line.note))
    return _svg(frame, label, parts)


def _mark(frame: Frame, at: Point, note: str) -> Markup:
    right = at[0] > (frame.left + frame.x_end) / 2
    return join(
        [
            element("circle", class_="mark", cx=at[0], cy=at[1], r=3),
            element(
                "text",
                note,
                class_="note strong end" if right else "note strong",
                x=at[0] + (-7 if right else 7),
                y=min(at[1] + 4, frame.y_end - 3),
            ),
        ]
    )


def stacked_bars(
    names: Sequence[str], layers: Sequence[Layer], *, frame: Frame, axis: Axis, label: str
) -> Markup:
    """Draw one bar a name; layers lie upon each other in the order given, none below zero."""
    if not names:
        return Markup()
    totals = [sum(layer.values[k] for layer in layers) for k in range(len(names))]
    y = Scale(*axis.range(totals), frame.y_end, frame.top)
    slot = (frame.x_end - frame.left) / len(names)
    width = max(slot - min(2.0, slot * 0.25), 0.6)
    parts = _grid(frame, y, axis)
    for k in range(len(names)):
        below = 0.0
        for layer in layers:
            value = max(layer.values[k], 0.0)
            top, bottom = y(below + value), y(below)
            below += value
            if bottom - top >= 0.05:
                left = frame.left + k * slot + (slot - width) / 2
                parts.append(
                    element(
                        "rect",
                        class_=layer.style,
                        x=left,
                        y=top,
                        width=width,
                        height=bottom - top,
                    )
                )
    return _svg(frame, label, [*parts, *_slots(names, frame, slot)])


def _slots(names: Sequence[str], frame: Frame, slot: float) -> list[Markup]:
    every = max(1, round(len(names) / (6 if frame.width < 500 else 12)))
    return [
        element(
            "text",
            name,
            class_="tick x mid",
            x=frame.left + (k + 0.5) * slot,
            y=frame.height - 4,
        )
        for k, name in enumerate(names)
        if k % every == 0
    ]


def fan(bands: Sequence[Sequence[float]], *, frame: Frame, axis: Axis, label: str) -> Markup:
    """Draw five quantiles (5, 25, 50, 75, 95 %) over 1..n: two bands and the median."""
    low, lower, middle, upper, high = bands
    n = len(middle)
    if n == 0:
        return Markup()
    x = Scale(1, max(n, 2), frame.left + 4, frame.x_end - 4)
    y = Scale(*axis.range([*low, *high]), frame.y_end, frame.top)

    def band(under: Sequence[float], over: Sequence[float], style: str) -> Markup:
        there = [(x(k + 1), y(v)) for k, v in enumerate(over)]
        back = [(x(k + 1), y(v)) for k, v in enumerate(under)]
        return element("path", class_=style, d=path([*there, *reversed(back)], close=True))

    median = path([(x(k + 1), y(v)) for k, v in enumerate(middle)])
    every = max(1, round(n / (6 if frame.width < 500 else 12)))
    parts = [
        *_grid(frame, y, axis),
        band(low, high, "band outer"),
        band(lower, upper, "band inner"),
        element("path", class_="curve median", d=median),
        *(
            element("text", str(k), class_="tick x mid", x=x(k), y=frame.height - 4)
            for k in range(1, n + 1, every)
        ),
    ]
    return _svg(frame, label, parts)
