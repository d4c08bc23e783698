"""Horizontal bars on a shared scale, as SVG in per cent of the width: they fit any screen."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from orchestrator.report.svg import element


def _at(share: float) -> str:
    return f"{min(max(share, 0.0), 1.0) * 100:.2f}%"


def _strip(height: int, label: str, parts: Sequence[Markup], style: str = "strip") -> Markup:
    return element(
        "svg", *parts, class_=style, width="100%", height=height, role="img", aria_label=label
    )


def share_bar(parts: Sequence[tuple[float, str]], *, label: str, height: int = 34) -> Markup:
    """Draw shares of a whole side by side, each with its class; they need not sum to 1."""
    drawn: list[Markup] = []
    start = 0.0
    for share, style in parts:
        if share > 0:
            size = {"x": _at(start), "y": "0", "width": _at(share)}
            drawn.append(element("rect", class_=f"{style} part", height=height, **size))
        start += max(share, 0.0)
    return _strip(height, label, drawn)


def bullet(
    value: float, *, top: float, marks: Sequence[tuple[float, str]], style: str, label: str
) -> Markup:
    """Draw a value from 0 towards `top`, with marked targets."""
    parts = [
        element("rect", class_="track", x=0, y=6, width="100%", height=16),
        element("rect", class_=style, x=0, y=9, width=_at(value / top), height=10),
    ]
    for at, text in marks:
        x = _at(at / top)
        parts.append(element("line", class_="target", x1=x, x2=x, y1=2, y2=26))
        parts.append(element("text", text, class_="tick mid", x=x, y=38))
    return _strip(42, label, parts)


def quantile_strip(values: Sequence[float], *, label: str, notes: Sequence[str]) -> Markup:
    """Draw five quantiles (5, 25, 50, 75, 95 %) as a box with whiskers.

    The scale begins at 0, or at the lowest quantile where that is far from 0.
    """
    high = max(values[-1], 1e-9)
    low = values[0] if values[0] > high / 2 and values[0] < high else min(0.0, values[0])
    places = [_at(0.03 + 0.94 * (v - low) / (high - low)) for v in values]
    width = f"{float(places[3][:-1]) - float(places[1][:-1]):.2f}%"
    parts = [
        element("line", class_="whisker", x1=places[0], x2=places[4], y1=20, y2=20),
        element("rect", class_="box", x=places[1], y=10, width=width, height=20),
        element("line", class_="median", x1=places[2], x2=places[2], y1=6, y2=34),
    ]
    for k, row in ((0, 48), (2, 62), (4, 48)):
        style = "tick mid" if k == 2 else ("tick" if k == 0 else "tick over")
        parts.append(element("text", notes[k], class_=style, x=places[k], y=row))
    return _strip(66, label, parts)
