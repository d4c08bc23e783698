"""The deepest falls of an account, with their dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from orchestrator.report.words import percent
from schemas.metrics import DrawdownRow
from schemas.results import RunResult

BEGINNING = "the beginning"
"""The peak of a fall that began with the starting capital."""


@dataclass(frozen=True)
class FallRow:
    """One fall: its depth, and where it began, was deepest and was made good."""

    depth: str
    cells: tuple[str, str, str, str]
    """From, bottom, recovered, and the sessions that closed below the peak."""


def fall_rows(run: RunResult) -> tuple[FallRow, ...]:
    """Return a run's deepest falls; empty where it never fell."""
    rows = run.score.drawdowns if run.score else ()
    return tuple(_row(row, run.curve.sessions) for row in rows)


def _row(row: DrawdownRow, sessions: Sequence[date]) -> FallRow:
    recovered = row.recovery_index
    return FallRow(
        percent(row.depth),
        (
            _when(row.peak_index, sessions),
            _when(row.trough_index, sessions),
            "not yet" if recovered is None else _when(recovered, sessions),
            f"{row.periods_under_water:,}",
        ),
    )


def _when(point: int, sessions: Sequence[date]) -> str:
    """Date a point of the growth curve, whose first stands before the first session."""
    return sessions[point - 1].isoformat() if point else BEGINNING
