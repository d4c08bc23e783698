"""What circuit breakers did to a run, in words: what tripped when, and whether it was enforced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.report.words import day, human, sentence, spoken
from schemas.results import BreakerTrip, RunResult

SHOWN = 20
"""Rows of the table; the rest is counted."""
_ASKED = {
    "review": "a review; nothing stops",
    "stop_day": "a stop for a session",
    "pause": "a pause",
    "halt": "a halt",
    "retire": "retirement",
    "halt_all": "a halt of everything",
}
_LASTING = frozenset({"pause", "halt", "retire", "halt_all"})
"""Actions that hold until a person releases them, which nobody does within a run."""


@dataclass(frozen=True)
class Stops:
    """The breakers of one run."""

    name: str
    said: str
    rows: tuple[tuple[str, ...], ...]
    tripped: int

    @property
    def more(self) -> int:
        """How many have no row."""
        return self.tripped - len(self.rows)


def stops_of(name: str, run: RunResult) -> Stops | None:
    """Return what tripped in a run; None where nothing did."""
    trips = run.score.breakers if run.score else ()
    if not trips:
        return None
    return Stops(name, _said(name, trips), tuple(_row(trip) for trip in trips[:SHOWN]), len(trips))


def enforced(run: RunResult) -> tuple[BreakerTrip, ...]:
    """Return the trips that were acted upon."""
    trips = run.score.breakers if run.score else ()
    return tuple(trip for trip in trips if trip.event.enforced)


def held_back(name: str, run: RunResult) -> str:
    """Say in a sentence what enforced breakers did; empty where none was enforced."""
    trips = enforced(run)
    if not trips:
        return ""
    first = trips[0]
    when = f"{'' if len(trips) == 1 else 'first '}on {day(first.session)}"
    why = first.event.message.strip().rstrip(".")
    often = _times(len(trips)).capitalize()
    return f"{often} a breaker acted on {name}, {when}: {why}.{_lasting(trips)}"


def _lasting(trips: Sequence[BreakerTrip]) -> str:
    lasting = next((trip for trip in trips if trip.event.action in _LASTING), None)
    if lasting is None:
        return ""
    since = day(lasting.session)
    return f" After the close of {since} only what made a position smaller could be traded."


def _said(name: str, trips: Sequence[BreakerTrip]) -> str:
    acted = [trip for trip in trips if trip.event.enforced]
    alone = len(trips) == 1
    kinds = Counter(human(trip.event.breaker) for trip in trips)
    which = ", ".join(f"{kind} {_times(n)}" for kind, n in kinds.items())
    text = f"{name}: {'a breaker' if alone else 'breakers'} tripped ({which})"
    if not acted:
        return f"{text} and {'was' if alone else 'were'} recorded only, so nothing was stopped."
    if len(acted) == len(trips):
        return f"{text} and {'was' if alone else 'were'} enforced.{_lasting(acted)}"
    return f"{text}, enforced {_times(len(acted))}, otherwise recorded only.{_lasting(acted)}"


def _times(n: int) -> str:
    return "once" if n == 1 else f"{spoken(n)} times"


def _row(trip: BreakerTrip) -> tuple[str, ...]:
    event = trip.event
    return (
        trip.session.isoformat(),
        human(event.breaker),
        _ASKED[event.action],
        "enforced" if event.enforced else "recorded only",
        sentence(event.message),
    )
