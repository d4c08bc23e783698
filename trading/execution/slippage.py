"""How far the price runs away from an order, beside spread and impact."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from schemas.execution import BpsSlippage, Slippage, VolumeShareSlippage
from trading.execution.commissions import BPS


class SlippagePolicy(Protocol):
    """A share of the price, and how much of a bar's volume may be taken at all."""

    def share(self, units: Decimal, volume: Decimal | None) -> Decimal:
        """Return it for an order that brings what is traded in the bar to `units`."""
        ...

    def most(self, volume: Decimal | None) -> Decimal | None:
        """Return how many units of the bar may be traded in all; None: any number."""
        ...


class BpsSlip:
    """The same share for every order."""

    def __init__(self, terms: BpsSlippage) -> None:
        self._share = terms.bps / BPS

    def share(self, units: Decimal, volume: Decimal | None) -> Decimal:  # noqa: ARG002 - one shape
        """Return the share, whatever the units."""
        return self._share

    def most(self, volume: Decimal | None) -> Decimal | None:  # noqa: ARG002 - one shape
        """Return None: it knows no volume."""
        return None


class VolumeShareSlip:
    """`price_impact` × (units ÷ the bar's volume)², as in zipline's `VolumeShareSlippage`.

    Units are all that is traded of the symbol in the bar, this order's included, so that cutting
    an order in pieces makes none of them cheaper than the first. They are at most `volume_limit`
    of the bar's volume.
    """

    def __init__(self, terms: VolumeShareSlippage) -> None:
        self._terms = terms

    def share(self, units: Decimal, volume: Decimal | None) -> Decimal:
        """Return the share; nothing without volume, as nothing is traded then."""
        if not volume:
            return Decimal()
        part = min(units / volume, self._terms.volume_limit)
        return self._terms.price_impact * part * part

    def most(self, volume: Decimal | None) -> Decimal | None:
        """Return the limit's share of the volume."""
        return self._terms.volume_limit * (volume or Decimal())


def slippage_policy(terms: Slippage) -> SlippagePolicy:
    """Return the policy behind a message."""
    match terms:
        case BpsSlippage():
            return BpsSlip(terms)
        case VolumeShareSlippage():
            return VolumeShareSlip(terms)
