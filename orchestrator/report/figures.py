"""The figures of a report: which series, on which axis, with which words beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from orchestrator.report.arena import Standing
from orchestrator.report.charts import (
    LETTERS,
    Axis,
    Layer,
    Line,
    area_chart,
    fan,
    line_chart,
    stacked_bars,
)
from orchestrator.report.loan import paid
from orchestrator.report.svg import Frame
from orchestrator.report.words import SMALL, Writer, count, listing, money, percent
from schemas.loan import CoverageSimulation
from schemas.results import LoanResult, RunResult

_READOUTS = 1000
"""At most this many points of a line can be read out; what is drawn keeps every extreme."""


@dataclass(frozen=True)
class Key:
    """One entry of a legend: the class of its swatch, its letter in narrow drawings, its words."""

    style: str
    text: str
    letter: str = ""
    swatch: str = "line"


@dataclass(frozen=True)
class Figure:
    """A drawing for wide and, where it differs, for narrow screens, with its read-outs as JSON."""

    title: str
    caption: str
    wide: Markup
    narrow: Markup | None = None
    keys: tuple[Key, ...] = ()
    data: Markup | None = None


def embedded(value: object) -> Markup:
    """Write JSON that cannot end the script element that holds it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(character, escape)
    return Markup(text)  # noqa: S704 - every character that HTML could take for markup is escaped


def _readout(lines: Sequence[Line], unit: str, places: int) -> Markup:
    """Return dates (days from the first) and values by line, None where a line has no point."""
    days = sorted({when for line in lines for when, _ in line.points})
    if not days:
        return embedded({})
    step = -(-len(days) // _READOUTS)
    kept = [when for k, when in enumerate(days) if k % step == 0 or when == days[-1]]
    series: list[list[object]] = []
    for line in lines:
        found = dict(line.points)
        values = [found.get(when) for when in kept]
        series.append([line.name, [None if v is None else round(v, places) for v in values]])
    return embedded(
        {
            "from": kept[0].isoformat(),
            "at": [(when - kept[0]).days for when in kept],
            "unit": unit,
            "places": max(places - 2, 0) if unit == "%" else places,
            "series": series,
        }
    )


def _axis_money(write: Writer) -> Callable[[float], str]:
    def short(value: float) -> str:
        for size, letter in ((1e9, "bn"), (1e6, "m"), (1e4, "k")):
            if abs(value) >= size:
                scaled = value / (1e3 if letter == "k" else size)
                return write(scaled, 0 if scaled == round(scaled) else 1) + letter
        return write(value)

    return short


def _places(values: Iterable[float]) -> int:
    """Small accounts are read out with their cents."""
    return 2 if max(map(abs, values), default=0.0) < SMALL else 0


def _sign(currency: str) -> str:
    return money(currency)(0).rstrip("0")


def equity_figure(
    models: Sequence[Standing], yardsticks: Sequence[Standing], currency: str
) -> Figure:
    """Draw what the starting capital became, by model and yardstick."""
    write = money(currency)
    lines = [
        Line(
            one.name,
            tuple(zip(one.sessions, map(float, one.equity), strict=True)),
            one.style,
            percent(one.gain, 0, plus=True) if one.traded else "never traded",
        )
        for one in sorted([*models, *yardsticks], key=lambda one: -one.end)
    ]
    capital = models[0].capital
    axis = Axis(_axis_money(write), base=float(capital), base_note="starting capital")
    said = listing(f"{line.name} {line.note}" for line in lines)
    label = f"Equity at each close. At the end: {said}."
    tall = max(380.0, 15.0 * len(lines) + 60)
    room = 26 + 6.6 * max(len(line.name) + max(len(line.note), 5) for line in lines)
    wide = Frame(960, tall, left=52, right=min(room, 260), top=14)
    narrow = Frame(380, max(300.0, 15.0 * len(lines)), left=42, right=18, narrow=True)
    return Figure(
        "Equity",
        "Account value at each session's close, all costs paid. Solid lines are models, broken "
        "grey ones are yardsticks that pay no costs.",
        line_chart(lines, frame=wide, axis=axis, label=label),
        line_chart(lines, frame=narrow, axis=axis, label=label),
        tuple(
            Key(line.style, f"{line.name} {line.note}", LETTERS[k % len(LETTERS)])
            for k, line in enumerate(lines)
        ),
        _readout(lines, _sign(currency), _places(v for line in lines for _, v in line.points)),
    )


def _whole_percent(value: float) -> str:
    return percent(value, 0)


def drawdown_figures(models: Sequence[Standing], yardsticks: Sequence[Standing]) -> list[Figure]:
    """Draw each model's fall from its highest point, with the first yardstick's."""
    falls = [model.drawdown() for model in models]
    beside = (
        Line(yardsticks[0].name, yardsticks[0].drawdown(), yardsticks[0].style)
        if yardsticks
        else None
    )
    everything = [v for fall in falls for _, v in fall] + [
        v for _, v in (beside.points if beside else ())
    ]
    low = min([*everything, -0.045]) * 1.12
    figures: list[Figure] = []
    for model, fall in zip(models, falls, strict=True):
        deepest = min(v for _, v in fall)
        line = Line(model.name, fall, model.style, percent(deepest) if deepest < 0 else "")
        axis = Axis(_whole_percent, zero=True, low=low, high=0.0, count=4)
        label = f"{model.name}: deepest fall {percent(deepest)} from its highest close before."
        drawn = area_chart(
            line, frame=Frame(440, 190, left=46), axis=axis, label=label, beside=beside
        )
        lines = [line, beside] if beside else [line]
        figures.append(Figure(model.name, "", drawn, data=_readout(lines, "%", 3)))
    return figures


def exposure_figures(models: Sequence[Standing]) -> list[Figure]:
    """Draw how much of each account was invested."""
    figures: list[Figure] = []
    for model in models:
        run = model.run
        if run is None:
            continue
        shares = tuple(
            (when, float(value / equity) if equity > 0 else 0.0)
            for when, value, equity in zip(
                run.curve.sessions, run.curve.market_value, run.curve.equity, strict=True
            )
        )
        line = Line(model.name, shares, model.style)
        mean = sum(v for _, v in shares) / len(shares)
        top = max(1.0, *(v for _, v in shares))
        axis = Axis(_whole_percent, zero=True, low=0.0, high=top, count=2)
        label = f"{model.name}: {percent(mean)} of equity invested on average."
        drawn = area_chart(line, frame=Frame(440, 110, left=46, top=8), axis=axis, label=label)
        title = f"{model.name}: {percent(mean, 0)} on average"
        figures.append(Figure(title, "", drawn, data=_readout([line], "%", 3)))
    return figures


PAYERS = (
    ("from_income", "fund’s income", "p1"),
    ("from_borrower", "borrower", "p2"),
    ("from_principal", "fund’s principal", "p3"),
    ("shortfall", "missing", "p4"),
)


def payers_figure(loan: LoanResult, currency: str) -> Figure:
    """Draw who paid each instalment."""
    write = money(currency)
    sums = paid(loan)
    layers = [
        Layer(name, tuple(float(getattr(month, field)) for month in loan.months), style)
        for field, name, style in PAYERS
    ]
    names = [str(month.number) for month in loan.months]
    said = {
        field: f"{name} {write(getattr(sums, field))} "
        f"({percent(getattr(sums, field) / sums.due if sums.due else 0, 0)})"
        for field, name, _ in PAYERS
    }
    axis = Axis(_axis_money(write), zero=True, count=4)
    label = f"Who paid {count(len(names), 'instalment')}: {listing(said.values())}."
    data = {
        "labels": [f"No. {m.number}, {m.settled_on.isoformat()}" for m in loan.months],
        "unit": _sign(currency),
        "places": 2,
        "series": [[layer.name, list(layer.values)] for layer in layers],
    }
    wide, narrow = Frame(960, 300, left=52), Frame(380, 240, left=42, narrow=True)
    return Figure(
        "Who paid each instalment",
        "One bar an instalment; the order in a bar is the order in which the payers are asked.",
        stacked_bars(names, layers, frame=wide, axis=axis, label=label),
        stacked_bars(names, layers, frame=narrow, axis=axis, label=label),
        tuple(Key(style, said[field], swatch="box") for field, _, style in PAYERS),
        embedded(data),
    )


def fund_figure(run: RunResult, loan: LoanResult, currency: str) -> Figure:
    """Draw the fund's value beside the principal still owed."""
    write = money(currency)
    fund = tuple(zip(run.curve.sessions, map(float, run.curve.equity), strict=True))
    first = loan.months[0].settled_on
    owed: list[tuple[date, float]] = [(min(first, fund[0][0]) if fund else first, 0.0)]
    owed[0] = (owed[0][0], float(loan.schedule.principal))
    owed += [(month.settled_on, float(month.balance)) for month in loan.months]
    lines = [
        Line("fund", fund, "s1", write(fund[-1][1]) if fund else ""),
        Line("still owed", tuple(owed), "b1", write(owed[-1][1]), stepped=True),
    ]
    base = float(loan.invested)
    axis = Axis(_axis_money(write), zero=True, base=base, base_note="invested")
    label = f"The fund against the balance: it ends at {lines[0].note}, {lines[1].note} still owed."
    wide = Frame(960, 320, left=52, right=140, top=14)
    narrow = Frame(380, 260, left=42, right=18, narrow=True)
    return Figure(
        "The fund against the balance",
        "The fund’s value at each close, after what was drawn from it, and the principal still "
        "owed after each instalment.",
        line_chart(lines, frame=wide, axis=axis, label=label),
        line_chart(lines, frame=narrow, axis=axis, label=label),
        tuple(
            Key(line.style, f"{line.name} {line.note}", LETTERS[k]) for k, line in enumerate(lines)
        ),
        _readout(lines, _sign(currency), _places(v for line in lines for _, v in line.points)),
    )


def shortfall_figures(simulation: CoverageSimulation, currency: str) -> list[Figure]:
    """Draw by instalment the chance that something is missing, and how much; nothing if never."""
    write = money(currency)
    chances = tuple(float(p) for p in simulation.monthly_shortfall_probability)
    if not any(chances):
        return []
    names = [str(k) for k in range(1, len(chances) + 1)]
    top = max(0.05, *chances)
    axis = Axis(_whole_percent, zero=True, low=0.0, high=min(top * 1.1, 1.0), count=4)
    bars = [Layer("missing something", chances, "p4")]
    label = f"Chance that an instalment is not fully paid: highest {percent(max(chances))}."
    months = simulation.monthly_shortfall
    bands = [
        [float(v) for v in column]
        for column in (months.p5, months.p25, months.p50, months.p75, months.p95)
    ]
    worst = max(bands[-1], default=0.0)
    data = {"labels": [f"No. {name}" for name in names], "unit": "%", "places": 1,
            "series": [["chance", [round(p, 4) for p in chances]]]}  # fmt: skip
    figures = [
        Figure(
            "Chance that part of an instalment is missing",
            "By instalment number, over all simulated paths.",
            stacked_bars(names, bars, frame=Frame(440, 210, left=46), axis=axis, label=label),
            data=embedded(data),
        )
    ]
    if worst > 0:
        amounts = Axis(_axis_money(write), zero=True, count=4)
        label = f"Amount missing by instalment: 95 % of paths miss at most {write(worst)}."
        figures.append(
            Figure(
                "How much is missing",
                "Line: the median path. Bands: half of the paths, and nine in ten.",
                fan(bands, frame=Frame(440, 210, left=46), axis=amounts, label=label),
            )
        )
    return figures
