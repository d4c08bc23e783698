"""An account's profit by its closed trades: which symbols, strategies or trades brought it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from numpy.typing import ArrayLike

from quant.amounts import as_money, exact_sum
from quant.arrays import finite_vector
from schemas.attribution import TradeAttribution, TradeContribution
from schemas.base import ZERO
from schemas.errors import InvalidRequest


def trade_attribution(
    labels: Sequence[str], gains: ArrayLike, *, capital: float, profit: float
) -> TradeAttribution:
    """Split `profit` over the labels of n ≥ 0 closed trades, and what is no trade's.

    Parameters
    ----------
    labels : n names; trades with the same one (a symbol, a strategy) are added up.
    gains : (n,) money, signed, in cents.
    capital : what the account began with, above zero.
    profit : all it made, money put in or taken out left aside.

    Raises
    ------
    InvalidRequest : unequal lengths, NaN, a capital that is not positive.
    """
    results = finite_vector(gains, "gains", at_least=0)
    if len(labels) != len(results):
        raise InvalidRequest("labels and gains must have the same length.")
    owned, made = as_money(capital), as_money(profit)
    if owned <= 0:
        raise InvalidRequest("capital must be above zero.")
    of_label: dict[str, list[float]] = defaultdict(list)
    for label, gain in zip(labels, results.tolist(), strict=True):
        of_label[label].append(gain)
    sums = {label: as_money(exact_sum(found)) for label, found in of_label.items()}
    other = made - sum(sums.values(), start=ZERO)
    return TradeAttribution(
        capital=owned,
        profit=made,
        simple_return=float(made / owned),
        rows=tuple(
            TradeContribution(
                label=label,
                trades=len(of_label[label]),
                gain=gain,
                contribution=float(gain / owned),
            )
            for label, gain in sorted(sums.items(), key=lambda item: (-item[1], item[0]))
        ),
        other_gain=other,
        other_contribution=float(other / owned),
    )
