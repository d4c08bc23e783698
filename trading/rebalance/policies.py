"""Whether a name that has drifted from its target is traded, and how far: one policy, one class.

Weights are shares of equity at the last known closes; targets may be negative where shorts are
allowed. To enter a name or to leave it is a decision and no drift: bands and no-trade regions never
hold it up, only a calendar does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, Protocol

from schemas.base import plain, to_micro

Every = Literal["daily", "weekly", "monthly", "quarterly"]
_PERIODS: Mapping[Every, Callable[[date], tuple[int, ...]]] = {
    "daily": lambda day: (day.toordinal(),),
    "weekly": lambda day: tuple(day.isocalendar()[:2]),
    "monthly": lambda day: (day.year, day.month),
    "quarterly": lambda day: (day.year, (day.month - 1) // 3),
}


@dataclass(frozen=True, slots=True)
class Drift:
    """Where a name stands, where it should stand, and what going there costs."""

    symbol: str
    weight: Decimal
    target: Decimal
    round_trip: Decimal
    """What buying and selling so much of it again costs, as a share of the money: 0 to 1."""

    @property
    def gap(self) -> Decimal:
        """How far the target is, signed: positive means to buy."""
        return self.target - self.weight

    @property
    def is_decision(self) -> bool:
        """Whether the name is entered or left, not only drifting."""
        return (not self.weight) != (not self.target)


@dataclass(frozen=True, slots=True)
class Leave:
    """The name is left alone, and why."""

    reason: str


class Policy(Protocol):
    """Says for one name which weight to trade to."""

    def aim(self, drift: Drift) -> Decimal | Leave:
        """Return the weight to trade to, or `Leave` with the reason."""
        ...


@dataclass(frozen=True, slots=True)
class ToTarget:
    """Every name is traded to its target."""

    def aim(self, drift: Drift) -> Decimal | Leave:
        """Return the target."""
        return drift.target


TO_TARGET = ToTarget()


@dataclass(frozen=True, slots=True)
class Threshold:
    """A name is traded when it has drifted by more than the band: to its target, or to the edge.

    The band is a share of equity (0.05: from 25 % to beyond 20 % or 30 %), or with `relative` of
    the target (25 % to beyond 23.75 % or 26.25 %).
    """

    band: Decimal = Decimal("0.05")
    relative: bool = False
    to: Literal["target", "edge"] = "target"

    def aim(self, drift: Drift) -> Decimal | Leave:
        """Return the target or the band's edge; within the band `Leave`."""
        width = abs(drift.target) * self.band if self.relative else self.band
        what = f"the band of {plain(self.band)}{' of it' if self.relative else ''}"
        return _within(drift, width, what=what, to=self.to)


@dataclass(frozen=True, slots=True)
class NoTradeRegion:
    """A name is traded only beyond the region in which trading costs more than it is worth.

    The region is that of an investor with constant relative risk aversion and one risky asset; it
    is applied to each name as if the rest of the account were safe, which is an approximation: it
    leaves out correlations. Beyond it the name is traded to the edge, no further.
    """

    risk_aversion: Decimal = Decimal(5)

    def aim(self, drift: Drift) -> Decimal | Leave:
        """Return the edge of the region; within it `Leave`."""
        width = no_trade_half_width(
            drift.target, round_trip=drift.round_trip, risk_aversion=self.risk_aversion
        )
        what = f"the no-trade region at a round trip of {plain(to_micro(drift.round_trip))}"
        return _within(drift, width, what=what, to="edge")


def no_trade_half_width(target: Decimal, *, round_trip: Decimal, risk_aversion: Decimal) -> Decimal:
    """Return how far a weight may stray on either side before it is worth trading it back.

    To the leading order in small costs (3/(4g) · w²(1−w)² · e)^(1/3): w is the target weight, which
    would be held without costs, g the relative risk aversion, e the spread between buying and
    selling as a share of the price; with equal costs c on both sides e is about 2c, which gives the
    factor 3/2 of other papers. Rounded to 1e-6. Targets of 0 and 1 have no region: what is never or
    always wholly invested need not be traded back.

    Source: Gerhold, Guasoni, Muhle-Karbe & Schachermayer (2014), Transaction costs, trading volume,
    and the liquidity premium, Finance and Stochastics 18, theorem 2.2 and its expansions;
    Janeček & Shreve (2004), Finance and Stochastics 8; after Davis & Norman (1990).
    """
    spread = max(round_trip, Decimal())
    cube = Decimal("0.75") / risk_aversion * (target * (1 - target)) ** 2 * spread
    return to_micro(cube ** (Decimal(1) / 3)) if cube else Decimal()


def _within(
    drift: Drift, width: Decimal, *, what: str, to: Literal["target", "edge"]
) -> Decimal | Leave:
    if drift.is_decision or abs(drift.gap) > width:
        if to == "target" or drift.is_decision:
            return drift.target
        return drift.target - width if drift.gap > 0 else drift.target + width
    where = plain(to_micro(abs(drift.gap)))
    return Leave(f"{where} from its target of {plain(to_micro(drift.target))}, within {what}")


@dataclass(frozen=True, slots=True)
class Calendar:
    """Nothing is traded before the next day, week, month or quarter of the calendar has begun.

    It is due in the first session of a period, or later in it when that session was missed.
    """

    every: Every
    session: date
    last: date | None = None
    """The session of the last rebalance; None: there was none, so it is due."""

    @property
    def is_due(self) -> bool:
        """Whether the period of the session has seen no rebalance yet."""
        period = _PERIODS[self.every]
        return self.last is None or period(self.last) < period(self.session)

    def aim(self, drift: Drift) -> Decimal | Leave:
        """Return the target when it is due, otherwise `Leave`."""
        if self.is_due:
            return drift.target
        return Leave(f"rebalanced {self.every}, last on {self.last}: not due yet")


def due_sessions(every: Every, sessions: Iterable[date]) -> tuple[date, ...]:
    """Return those sessions, given in order, that are the first of their period."""
    due: list[date] = []
    for session in sessions:
        if Calendar(every, session, due[-1] if due else None).is_due:
            due.append(session)
    return tuple(due)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Several policies at once: a name that one of them leaves alone is left alone.

    Otherwise it goes to the weight, among those they aim at, that takes the smallest trade.
    """

    policies: tuple[Policy, ...]

    def aim(self, drift: Drift) -> Decimal | Leave:
        """Return the nearest of the weights, or the first reason to leave it."""
        aims: list[Decimal] = [drift.target]
        for policy in self.policies:
            aim = policy.aim(drift)
            if isinstance(aim, Leave):
                return aim
            aims.append(aim)
        return min(aims, key=lambda weight: abs(weight - drift.weight))
