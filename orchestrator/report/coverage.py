"""The coverage report of a data set: one HTML file that needs nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from orchestrator.report.coverage_map import Row, Strip, by_year, heat_map, rows_of
from orchestrator.report.html import caveats
from orchestrator.report.page import render_page
from orchestrator.report.words import NONE, count, human, listing, number, percent
from schemas.quality import CheckCount, CoverageReport, InstrumentQuality

_PAGE = 50
_LISTED = 500


@dataclass(frozen=True)
class _Pages:
    """The strips of the heat map in folds of 50."""

    title: str
    strips: Sequence[Strip]


def coverage_page(report: CoverageReport) -> str:
    """Write the report; the same report gives the same text."""
    rows, per_row = rows_of(report)
    drawn = heat_map(report.months, rows, per_row) if report.months and rows else None
    years, table = by_year(report.months, rows)
    qualities = [one.quality for one in report.instruments]
    worst = sorted(
        qualities, key=lambda one: (-one.missing - one.rejected - one.warned, one.symbol)
    )
    strips: Sequence[Strip] = drawn.strips if drawn else ()
    return render_page(
        "coverage.html.j2",
        styles=("report.css", "coverage.css"),
        script="report.js",
        dataset=report.dataset,
        title=f"Coverage of “{report.dataset.name}”",
        headline=_headline(rows),
        span=_span(qualities),
        tiles=_tiles(qualities),
        caveats=caveats(report.dataset),
        about=_about(report),
        drawn=drawn,
        pages=[
            _Pages(_title(part), part)
            for part in (strips[k : k + _PAGE] for k in range(0, len(strips), _PAGE))
        ],
        years=years,
        table=table,
        listed=[_listed(one) for one in sorted(worst[:_LISTED], key=lambda one: one.symbol)],
        left_out=max(0, len(worst) - _LISTED),
    )


def _title(strips: Sequence[Strip]) -> str:
    if len(strips) == 1:
        return strips[0].name
    return f"{strips[0].name.split(' – ')[0]} to {strips[-1].name.split(' – ')[-1]}"


def _headline(rows: tuple[Row, ...]) -> str:
    expected, missing = (
        sum(sum(row.expected) for row in rows),
        sum(sum(row.missing) for row in rows),
    )
    if not expected:
        return "There is not one price in it."
    if not missing:
        return "No session is missing between an instrument’s first bar and its last."
    shown = percent(min(0.9999, 1 - missing / expected), 2)
    return f"{shown} of the sessions have a sound bar; {number(missing, 0)} have none."


def _span(qualities: list[InstrumentQuality]) -> tuple[date, date] | None:
    first = [one.first for one in qualities if one.first]
    last = [one.last for one in qualities if one.last]
    return (min(first), max(last)) if first and last else None


def _tiles(qualities: list[InstrumentQuality]) -> list[tuple[str, str, str]]:
    bars = sum(one.bars for one in qualities)
    totals = {
        name: sum(getattr(one, name) for one in qualities)
        for name in ("missing", "rejected", "warned")
    }

    def of_bars(value: int) -> str:
        return f"{percent(value / bars, 3)} of the bars" if bars else NONE

    return [
        ("Instruments", number(len(qualities), 0), "index series included"),
        ("Bars checked", number(bars, 0), "the rejected ones included"),
        ("Missing", number(totals["missing"], 0), "between an instrument’s first bar and its last"),
        (
            "Rejected",
            number(totals["rejected"], 0),
            f"no run sees them; {of_bars(totals['rejected'])}",
        ),
        (
            "Warned of",
            number(totals["warned"], 0),
            f"kept and reported; {of_bars(totals['warned'])}",
        ),
    ]


def _about(report: CoverageReport) -> list[tuple[str, str]]:
    info = report.dataset
    prices = {
        "raw": "as traded",
        "split": "adjusted for splits",
        "split_dividend": "adjusted for splits and dividends",
        "unknown": "adjusted or not: unknown",
    }[info.adjustment]
    suspected = [
        f"{split.symbol} {split.session.isoformat()} {split.said()}"
        for split in info.suspected_splits
    ]
    facts = {
        "Calendar": f"{info.calendar}, {count(sum(report.sessions), 'session')}",
        "Prices": f"{'closes only, ' if info.close_only else ''}{prices}, in {info.currency}",
        "Providers": listing(info.providers),
        "Corporate actions": number(info.actions, 0) if info.actions else "",
        "Suspected splits": listing(suspected),
        "Universes": listing(info.universes),
        "Macro series": listing(info.macro),
        "Documents": number(info.documents, 0) if info.documents else "",
        "Data hash": info.data_hash,
    }
    return [(name, value) for name, value in facts.items() if value]


def _listed(one: InstrumentQuality) -> tuple[str, tuple[str, ...], str]:
    """Return symbol, figures and reasons."""
    figures = (
        one.first.isoformat() if one.first else NONE,
        one.last.isoformat() if one.last else NONE,
        *(number(value, 0) for value in (one.bars, one.missing, one.rejected, one.warned)),
    )
    told = {"rejected": one.rejections, "warned of": one.warnings}
    reasons = (f"{verb} {_told(counts)}" for verb, counts in told.items() if counts)
    return one.symbol, figures, "; ".join(reasons)


def _told(counts: tuple[CheckCount, ...]) -> str:
    return listing(
        human(one.check) + (f" ×{number(one.bars, 0)}" if one.bars > 1 else "") for one in counts
    )
