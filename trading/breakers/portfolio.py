"""Breakers over several strategies: those that move together, too many of them, too little cash.

The portfolio's daily loss is a `Watch` of scope `portfolio`, fed `marks.together` of them all.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

from schemas.risk import BreakerEvent, BreakerLimits
from trading.breakers.cusum import LEAST_DEVIATION

SESSIONS = 120
"""A correlation is of so many sessions at most, the last ones."""
LEAST_SESSIONS = 20
"""Of fewer than that in common nothing is said."""


@dataclass(frozen=True, slots=True)
class Tripped:
    """A breaker of the portfolio that tripped, and the strategy it stops."""

    strategy: str
    event: BreakerEvent


def correlated(
    returns: Mapping[str, Sequence[float]], limits: BreakerLimits, *, sessions: int = SESSIONS
) -> tuple[Tripped, ...]:
    """Return the strategies to be paused because they move together with another one.

    `returns` are daily ones up to the same session; a younger strategy has fewer. Of two the
    younger is paused, of two of one age the later by name; one that is paused already pauses no
    other. In the order of their age.
    """
    limit = limits.max_correlation
    if limit is None:
        return ()
    eldest = sorted(returns, key=lambda name: (-len(returns[name]), name))
    found: dict[str, Tripped] = {}
    for elder, younger in combinations(eldest, 2):
        if elder in found or younger in found:
            continue
        common = min(len(returns[elder]), len(returns[younger]), sessions)
        value = _correlation(returns[elder], returns[younger], common)
        if value is not None and value > limit:
            says = (
                f"{younger} moves with {elder}: their correlation over {common} sessions is "
                f"{value:.2f}, above {limit}; {younger} pauses to be investigated"
            )
            event = BreakerEvent(
                breaker="max_correlation",
                action="pause",
                value=value,
                limit=float(limit),
                message=says,
                enforced=_enforced(limits),
            )
            found[younger] = Tripped(younger, event)
    return tuple(found[name] for name in eldest if name in found)


def crowded(strategies: Sequence[str], limits: BreakerLimits) -> tuple[Tripped, ...]:
    """Return the strategies beyond the most that may run; they are given in order of their age."""
    most = limits.max_strategies
    if most is None:
        return ()
    count = len(strategies)
    event = BreakerEvent(
        breaker="max_strategies",
        action="pause",
        value=count,
        limit=most,
        message=f"{count} strategies are more than {most}: the youngest pause",
        enforced=_enforced(limits),
    )
    return tuple(Tripped(name, event) for name in strategies[most:])


def short_of_cash(
    cash: Decimal, equity: Decimal, least: Decimal, limits: BreakerLimits
) -> BreakerEvent | None:
    """Return a review where the cash is below its reserve, a share of equity; else None.

    It stops nothing by itself: the gate's `min_cash_share` denies every buy that takes more.
    """
    if cash >= least * equity:
        return None
    share = cash / equity if equity > 0 else Decimal(0)
    says = f"cash is {share:.2%} of the equity; {least:.2%} is to be kept"
    return BreakerEvent(
        breaker="min_cash_share",
        action="review",
        value=float(share),
        limit=float(least),
        message=says,
        enforced=_enforced(limits),
    )


def _correlation(one: Sequence[float], other: Sequence[float], common: int) -> float | None:
    """Return Pearson's over the last `common` values; None where there is none to speak of."""
    if common < LEAST_SESSIONS:
        return None
    pair = one[-common:], other[-common:]
    if min(statistics.pstdev(values) for values in pair) < LEAST_DEVIATION:
        return None
    return statistics.correlation(*pair)


def _enforced(limits: BreakerLimits) -> bool:
    return limits.mode == "enforce"
