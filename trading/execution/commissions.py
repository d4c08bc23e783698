"""What the broker takes for an order: a fee on everything the order has traded so far.

A policy says what the whole order owes, exactly; a fill pays what has been added since the fill
before it. Floors, caps, fixed fees and tiers are thereby those of the order, however many fills it
takes: its fees always sum to the rounded fee of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from schemas.base import ZERO, to_cents
from schemas.execution import (
    BpsCommission,
    Commission,
    PerOrderCommission,
    PerShareCommission,
    TieredCommission,
)

BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Traded:
    """What an order has traded: units, money (exact) and the fees it has paid."""

    units: Decimal = ZERO
    money: Decimal = ZERO
    fees: Decimal = ZERO
    fills: int = 0


UNTRADED = Traded()


class CommissionPolicy(Protocol):
    """Never falls as units and money grow, and is zero for an order that has traded nothing."""

    def owed(self, units: Decimal, money: Decimal) -> Decimal:
        """Return what an order owes for so many units, above zero, and so much money; exact."""
        ...


class BpsFee:
    """A share of the money traded, with a floor an order."""

    def __init__(self, terms: BpsCommission) -> None:
        self._share = terms.bps / BPS
        self._minimum = terms.minimum

    def owed(self, units: Decimal, money: Decimal) -> Decimal:  # noqa: ARG002 - one shape for all
        """Return the larger of share × money and the floor."""
        return max(money * self._share, self._minimum)


class PerShareFee:
    """Money a unit, with a floor an order and a cap on both as a share of the money traded."""

    def __init__(self, terms: PerShareCommission) -> None:
        self._terms = terms

    def owed(self, units: Decimal, money: Decimal) -> Decimal:
        """Return units × rate, at least the floor; the cap goes before the floor."""
        terms = self._terms
        return min(max(units * terms.per_share, terms.minimum), money * terms.max_share)


class PerOrderFee:
    """A fixed fee, paid with the first fill."""

    def __init__(self, terms: PerOrderCommission) -> None:
        self._fee = terms.fee

    def owed(self, units: Decimal, money: Decimal) -> Decimal:  # noqa: ARG002 - one shape for all
        """Return the fee, whatever was traded."""
        return self._fee


class TieredFee:
    """Marginal rates: each part of the order's money pays the rate of its tier."""

    def __init__(self, terms: TieredCommission) -> None:
        self._tiers = terms.tiers

    def owed(self, units: Decimal, money: Decimal) -> Decimal:  # noqa: ARG002 - one shape for all
        """Return the sum over the tiers that the money reaches."""
        total, start = Decimal(), Decimal()
        for tier in self._tiers:
            end = money if tier.up_to is None else min(money, tier.up_to)
            if end <= start:
                break
            total += (end - start) * tier.bps / BPS
            start = end
        return total


def commission_policy(terms: Commission) -> CommissionPolicy:
    """Return the policy behind a message."""
    match terms:
        case BpsCommission():
            return BpsFee(terms)
        case PerShareCommission():
            return PerShareFee(terms)
        case PerOrderCommission():
            return PerOrderFee(terms)
        case TieredCommission():
            return TieredFee(terms)


def next_fee(
    policy: CommissionPolicy, units: Decimal, money: Decimal, *, before: Traded = UNTRADED
) -> Decimal:
    """Return what an order's next fill pays, in cents: what is owed by then less what was paid."""
    owed = to_cents(policy.owed(before.units + units, before.money + money))
    return max(owed - before.fees, ZERO)
