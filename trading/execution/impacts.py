"""Market impact: what an order does to the price it gets; the formulae are in `quant/impact.py`.

Several orders of one side in one session pay together what one order for all of them would: the
later one finds the price where the earlier left it.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Protocol

from quant.impact import permanent_share, square_root_share, temporary_share
from schemas.execution import AlmgrenChrissImpact, Impact, NoImpact, SquareRootImpact
from trading.execution.bars import Daily

_STEP = Decimal("1e-9")  # of the price: finer than a price has places, coarser than float noise
_MOST = 1000.0  # of the price: beyond any sense, and well within what decimals hold exactly


class ImpactPolicy(Protocol):
    """What an order pays on average, as a share of the price."""

    window: int
    """Over how many sessions daily volume and volatility are measured; 0: they are not needed."""

    def share(self, units: float, daily: Daily) -> float:
        """Return it for an order of so many units."""
        ...


class NoMarketImpact:
    """Orders are small beside the market."""

    window = 0

    def share(self, units: float, daily: Daily) -> float:  # noqa: ARG002 - one shape for all
        """Return nothing."""
        return 0.0


class AlmgrenChriss:
    """Half of the permanent and all of the temporary impact (Almgren et al. 2005)."""

    def __init__(self, terms: AlmgrenChrissImpact) -> None:
        self._gamma, self._eta = float(terms.gamma), float(terms.eta)
        self._exponent, self._days = float(terms.exponent), float(terms.days)
        self._inverse_turnover = float(terms.inverse_turnover)
        self.window = terms.window

    def share(self, units: float, daily: Daily) -> float:
        """Return gamma·S·(X/V)·(Θ/V)^¼ ÷ 2 + eta·S·(X/(V·T))^exponent."""
        volume, volatility = daily.volume, daily.volatility
        permanent = permanent_share(
            units,
            volume,
            volatility,
            gamma=self._gamma,
            inverse_turnover=self._inverse_turnover,
        )
        temporary = temporary_share(
            units, volume, volatility, eta=self._eta, days=self._days, exponent=self._exponent
        )
        return float(permanent) / 2.0 + float(temporary)


class SquareRoot:
    """Half of the permanent impact and the square-root law for the rest."""

    def __init__(self, terms: SquareRootImpact) -> None:
        self._gamma, self._y = float(terms.gamma), float(terms.y)
        self.window = terms.window

    def share(self, units: float, daily: Daily) -> float:
        """Return gamma·S·(X/V) ÷ 2 + y·S·√(X/V)."""
        volume, volatility = daily.volume, daily.volatility
        permanent = permanent_share(units, volume, volatility, gamma=self._gamma)
        return float(permanent) / 2.0 + float(
            square_root_share(units, volume, volatility, y=self._y)
        )


def impact_policy(terms: Impact) -> ImpactPolicy:
    """Return the policy behind a message."""
    match terms:
        case NoImpact():
            return NoMarketImpact()
        case AlmgrenChrissImpact():
            return AlmgrenChriss(terms)
        case SquareRootImpact():
            return SquareRoot(terms)


def impact_of(
    policy: ImpactPolicy, units: Decimal, daily: Daily, *, before: Decimal = Decimal()
) -> Decimal:
    """Return the share that `units` pay when `before` were traded on the same side already."""
    first, last = float(before), float(before + units)
    total = last * policy.share(last, daily)
    if before:
        total -= first * policy.share(first, daily)
    share = Decimal(repr(min(max(total / float(units), 0.0), _MOST)))
    return share.quantize(_STEP, rounding=ROUND_HALF_EVEN)
