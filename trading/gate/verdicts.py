"""What the gate says of an order: a denial, or leave with the limit that was nearest."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from schemas.base import ZERO, plain, to_cents
from trading.orders import OrderIntent

Kind = Literal["money", "units", "count", "share"]


@dataclass(frozen=True, slots=True)
class Denial:
    """Why an intent may not become a working order."""

    limit: str
    """The field of `RiskLimits`, `rule:` and a rule's id, or `halted`, `breaker`, `quantity`,
    `symbol`, `terms`."""
    message: str
    excess: Decimal | None = None
    """By how much: units for `quantity`, `allow_short` and `max_order_quantity`, a number of orders
    or positions for counts, a share for losses, tails, ages, prices and volume, money otherwise."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate makes of an intent."""

    intent: OrderIntent
    """What may be ordered: as it was asked, or what a rule trimmed it to."""
    denial: Denial | None
    remark: str
    """For the order's history: the nearest limit, what was trimmed, what a reduction passed."""

    @property
    def quantity(self) -> Decimal:
        """What may be ordered, in units; 0 when denied."""
        return self.intent.quantity if self.denial is None else Decimal(0)


class Reading(NamedTuple):
    """One limit measured for one order: as it would be, and the most it may be."""

    limit: str
    what: str
    value: Decimal
    bound: Decimal
    kind: Kind = "money"
    share: Decimal | None = None
    """Of equity: what `bound` was computed from, where it is money."""
    key: str = ""
    """Which of several limits of that name."""
    said: str | None = None
    """The whole sentence, where the limit has one of its own."""

    @property
    def broken(self) -> bool:
        """Whether the order would be above the limit."""
        return self.value > self.bound

    @property
    def used(self) -> Decimal:
        """How much of the limit would be used: 1 is all of it."""
        if self.bound > 0:
            return self.value / self.bound
        return Decimal(1) if self.value == self.bound else Decimal("Infinity")

    def figures(self) -> tuple[str, str]:
        """Return value and bound as they are written in a sentence."""
        if self.kind == "money":
            return plain(to_cents(self.value)), plain(to_cents(self.bound))
        if self.kind == "share":
            return percent(self.value), percent(self.bound)
        return plain(self.value), plain(self.bound)

    def denial(self, equity: Decimal) -> Denial:
        """Say that it is above the limit, by how much, and what the limit would allow."""
        excess = self.value - self.bound
        value, bound = self.figures()
        if self.kind == "money":
            excess = to_cents(excess)
        if self.said is not None:
            message = self.said
        elif self.share is not None:
            message = (
                f"{self.what} would be worth {value} at the last close; {self.limit} of "
                f"{plain(self.share)} allows {bound} of an equity of {plain(equity)}"
            )
        elif self.kind == "units":
            # No units in the sentence: whoever sees masked prices must not learn the real ones.
            by = percent(excess / self.bound) if self.bound else "all of it"
            message = f"{self.what} is above {self.limit} by {by}"
        else:
            message = f"{self.what} would be {value}; {self.limit} allows {bound}"
        # A rule's name does not say that its excess counts units, so nobody could mask them.
        unsaid = self.said is not None and self.kind == "units"
        return Denial(self.limit, message, None if unsaid else excess)


def percent(share: Decimal) -> str:
    """Write a share as per cent with two places: 0.125 is 12.50 %."""
    return f"{share * 100:.2f} %"


def nearest_of(readings: list[Reading]) -> str:
    """Say in words which of the limits is the most used."""
    if not readings:
        return "no limit measures it"
    near = max(readings, key=_used)
    value, bound = near.figures()
    if near.kind == "units":
        return f"nearest limit: {near.limit}, {percent(near.used)} of it used"
    return f"nearest limit: {near.limit}, {percent(near.used)} of it used ({value} of {bound})"


def _used(reading: Reading) -> Decimal:
    return reading.used if reading.bound > 0 else ZERO
