"""Named universes: who was a member when, held against the data before a run begins.

A member that left stays in the run for as long as it was one: results over today's members alone
would flatter whoever holds them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from interfaces.market import Bearer, bearer_of
from schemas.errors import InvalidRequest, NotFound
from schemas.facts import UniverseStay
from schemas.jobs import SimulationRequest
from schemas.results import UniverseUsed

MOST_MISSING = 0.1
"""The largest share of member-days without prices: beyond it a result would say little."""

_DAY = timedelta(days=1)
_SHOWN = 12

Reach = Mapping[str, Sequence[Bearer]]
"""Who in the data set ever bears each ticker, and how far their prices reach."""

Days = tuple[date, date]
"""A first and a last day."""


def with_stays(
    request: SimulationRequest,
    *,
    ours: Mapping[str, Sequence[UniverseStay]],
    listed: Mapping[str, Sequence[UniverseStay]],
) -> SimulationRequest:
    """Return the request with the stays of the universe it names, as they are defined now.

    `ours` are the data set's own universes and come first, `listed` those of the configuration.
    `NotFound` names what there is. A request that brings its stays keeps them.
    """
    name = request.universe_name
    if name is None or request.stays is not None:
        return request
    if name not in ours and name not in listed:
        known = ", ".join(sorted({*ours, *listed})) or "none"
        raise NotFound(f"unknown universe '{name}'; known: {known}")
    stays = tuple(ours[name] if name in ours else listed[name])
    return request.model_copy(update={"stays": stays})


def within(
    stays: Sequence[UniverseStay], start: date, end: date
) -> tuple[tuple[UniverseStay, date, date], ...]:
    """Return the stays that touch `start..end`, each with its first and last day in it."""
    found: list[tuple[UniverseStay, date, date]] = []
    for stay in stays:
        first = max(stay.enters or start, start)
        last = min(stay.leaves - _DAY if stay.leaves else end, end)
        if first <= last:
            found.append((stay, first, last))
    return tuple(found)


def universe_used(request: SimulationRequest, reach: Reach) -> UniverseUsed | None:
    """Say what the named universe was over the run, or None where symbols were named instead.

    `InvalidRequest` when it has no member then, or when prices are missing for more than
    `MOST_MISSING` of its members' days.
    """
    if request.stays is None or request.universe_name is None:
        return None
    start, end = request.start_date, request.end_date
    stays = within(request.stays, start, end)
    if not stays:
        raise InvalidRequest(
            f"the universe '{request.universe_name}' has no member from {start} to {end}"
        )
    days = sum((last - first).days + 1 for _, first, last in stays)
    absent = Counter[str]()
    for stay, first, last in stays:
        absent[stay.symbol] += _uncovered(_meant(stay, reach, start), first, last)
    missing = tuple(sorted(symbol for symbol, count in absent.items() if count))
    share = absent.total() / days
    if share > MOST_MISSING:
        raise InvalidRequest(
            f"the data set '{request.data}' has no prices for {100 * share:.0f} % of the days of "
            f"the members of '{request.universe_name}', so results would lean on who survived: "
            f"{', '.join(missing[:_SHOWN])}{' and others' if len(missing) > _SHOWN else ''} "
            "are missing, at least in part"
        )
    return UniverseUsed(
        name=request.universe_name,
        members_at_start=_members_on(stays, start),
        members_at_end=_members_on(stays, end),
        entered=tuple(sorted(stay.symbol for stay, first, _ in stays if first > start)),
        left=tuple(sorted(stay.symbol for stay, _, last in stays if last < end)),
        missing=missing,
        missing_share=round(share, 6),
    )


def members_over(request: SimulationRequest, reach: Reach) -> dict[str, tuple[Days, ...]] | None:
    """Return when each instrument is a member of the named universe within the run, by instrument.

    None where symbols were named instead. The days are the first and the last of each stay; one
    belongs to the instrument that its ticker means as it begins.
    """
    if request.stays is None:
        return None
    found: dict[str, tuple[Days, ...]] = {}
    for stay, first, last in within(request.stays, request.start_date, request.end_date):
        meant = _meant(stay, reach, request.start_date)
        if meant is not None:
            found[meant.instrument] = (*found.get(meant.instrument, ()), (first, last))
    return found


def is_member(stays: Sequence[Days], day: date) -> bool:
    """Tell whether a day lies within one of the stays."""
    return any(first <= day <= last for first, last in stays)


def _meant(stay: UniverseStay, reach: Reach, start: date) -> Bearer | None:
    return bearer_of(reach.get(stay.symbol, ()), stay.enters or start, stay.leaves)


def _members_on(stays: Sequence[tuple[UniverseStay, date, date]], day: date) -> int:
    return sum(first <= day <= last for _, first, last in stays)


def _uncovered(meant: Bearer | None, first: date, last: date) -> int:
    """Count the days of `first..last` before the first price or after the last one."""
    whole = (last - first).days + 1
    if meant is None:
        return whole
    covered = (min(last, meant.last) - max(first, meant.first)).days + 1
    # The days around a stay are no sessions, often: a week at either end is no hole.
    return max(0, whole - max(0, covered) - 7) if covered > 0 else whole
