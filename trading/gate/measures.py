"""What a book comes to: exposures, cash, margin, tails; each the worse of what may yet happen."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from functools import wraps
from typing import TypeVar

import numpy as np

from quant.tail_risk import TailLoss, tail_loss
from schemas.base import ZERO
from schemas.risk import CorrelationLimit, TailLimit
from trading.gate.book import NONE, Book
from trading.gate.history import Floats, SessionRisk

T = TypeVar("T")


def units_at_risk(book: Book, symbol: str) -> Decimal:
    """Return the most units that may be held or short once all has filled or not."""
    low, high = book.reach(symbol)
    return max(high, -low)


def position_value(book: Book, symbol: str) -> Decimal:
    """Return the largest value the position may have at the last close, short or long."""
    return units_at_risk(book, symbol) * book.prices[symbol]


def once(measure: Callable[[Book], T]) -> Callable[[Book], T]:
    """Measure a book once, however many limits ask."""
    name = measure.__name__

    @wraps(measure)
    def measured(book: Book) -> T:
        if name not in book.known:
            book.known[name] = measure(book)
        return book.known[name]

    return measured


@once
def ends(book: Book) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Return the positions' values with the fewest and with the most units; short ones negative."""
    prices = book.prices
    values = {s: units * prices[s] for s, units in book.projected.items() if units}
    if not book.waiting_buys and not book.waiting_sells:
        return values, values
    fewest, most = dict(values), values
    for symbol in {**book.waiting_buys, **book.waiting_sells}:
        low, high = book.reach(symbol)
        if low or high:
            fewest[symbol], most[symbol] = low * prices[symbol], high * prices[symbol]
    return fewest, most


@once
def exposures(book: Book) -> dict[str, Decimal]:
    """Return every position's largest value at the last closes."""
    fewest, most = ends(book)
    if fewest is most:
        return {symbol: abs(value) for symbol, value in most.items()}
    return {symbol: max(value, -fewest[symbol]) for symbol, value in most.items()}


@once
def gross(book: Book) -> Decimal:
    """Return long plus short value."""
    return sum(exposures(book).values(), NONE)


@once
def net(book: Book) -> Decimal:
    """Return long less short value, whichever way it may come out larger, without its sign."""
    fewest, most = ends(book)
    high = sum(most.values(), NONE)
    return max(high, -high if fewest is most else -sum(fewest.values(), NONE))


@once
def sector_values(book: Book) -> dict[str, Decimal]:
    """Return long plus short value of each sector."""
    sectors = book.rules.limits.sectors
    values: dict[str, Decimal] = {}
    for symbol, value in exposures(book).items():
        sector = sectors.get(symbol)
        if sector is not None:
            values[sector] = values.get(sector, NONE) + value
    return values


def sector_value(book: Book, sector: str) -> Decimal:
    """Return long plus short value of a sector."""
    return sector_values(book).get(sector, NONE)


@once
def free_cash(book: Book) -> Decimal:
    """Return the cash that is nobody else's: what it takes to buy back what is short is kept."""
    # The most units: a waiting sale brings its own money when it fills.
    return book.cash + sum((value for value in ends(book)[1].values() if value < 0), NONE)


@once
def margin_needed(book: Book) -> Decimal:
    """Return the equity that the positions ask for.

    All of what is long, or its margin where buying on credit is allowed; the margin of what is
    short. Source: the initial margin of Regulation T, which asks for one half.
    """
    limits = book.rules.limits
    margin = limits.initial_margin_share
    long_part = margin if limits.allow_leverage else Decimal(1)
    fewest, most = ends(book)
    return sum(
        (max(value * long_part, -fewest[symbol] * margin) for symbol, value in most.items()), NONE
    )


def cluster_value(book: Book, symbol: str, limit: CorrelationLimit) -> tuple[Decimal, str] | str:
    """Return the largest cluster that the symbol is in, and whose it is.

    A cluster is a name and all held names that move with it: correlated from `above` on where both
    are held on the same side, from -`above` down where one is short. What is not known to be
    uncorrelated counts. Every cluster that the symbol is in is looked at, not only its own.
    """
    risk = book.rules.risk
    if risk is None:
        return "no past returns are given"
    if symbol not in risk.columns:
        return f"no returns of {symbol} are known"
    held = exposures(book)
    names = [name for name in held if name in risk.columns]
    if symbol not in held:
        return NONE, symbol
    columns = [risk.columns[name] for name in names]
    matrix = risk.correlations(limit.window)[np.ix_(columns, columns)]
    sides = np.array([1.0 if book.projected[name] >= 0 else -1.0 for name in names])
    together = ~(matrix * np.outer(sides, sides) < float(limit.above))
    of_symbol = together[names.index(symbol)]
    # Names without any history are in every cluster: it is not known that they are not.
    unknown = sum((value for name, value in held.items() if name not in risk.columns), NONE)
    best, centre = NONE, symbol
    floats = np.array([float(held[name]) for name in names])
    sums = np.where(of_symbol, together @ floats, -np.inf)
    for index in np.flatnonzero(sums >= sums.max() * (1 - 1e-9)):
        value = sum((held[n] for n, yes in zip(names, together[index], strict=True) if yes), NONE)
        if value > best:
            best, centre = value, names[index]
    return best + unknown, centre


def portfolio_tail(book: Book, limit: TailLimit) -> TailLoss | str:
    """Return what the portfolio may lose in a session, as a share of equity.

    Its positions of now, at the last closes, in every session of the window. Where orders may fill
    or not, the worse of both. In words why it cannot be told.
    """
    risk = book.rules.risk
    if risk is None:
        return "no past returns are given"
    if book.equity <= 0:
        return "there is no equity"
    worst: TailLoss | None = None
    outcomes = _outcomes(book, risk, limit.window)
    if isinstance(outcomes, str):
        return outcomes
    for returns in outcomes:
        found = tail_loss(returns, confidence=float(limit.confidence), method=limit.method)
        worst = found if worst is None else _worse(worst, found)
    worst = worst or TailLoss(0.0, 0.0, limit.method)
    if not (math.isfinite(worst.var) and math.isfinite(worst.expected_shortfall)):
        return "the returns known are too large to be any"
    return worst


def _outcomes(book: Book, risk: SessionRisk, window: int) -> list[Floats] | str:
    """Return the returns of equity in past sessions, in each way that the orders may turn out."""
    key = f"outcomes {window}"
    if key not in book.known:
        found: list[Floats] = []
        for values in filter(None, _ends(book)):
            outcomes = risk.outcomes(values, window)
            if isinstance(outcomes, str):
                book.known[key] = outcomes
                break
            found.append(outcomes / float(book.equity))
        else:
            book.known[key] = found
    return book.known[key]


def _ends(book: Book) -> list[dict[str, float]]:
    """Positions' values once all has filled, and with the waiting orders of one side alone."""
    fewest, most = ends(book)
    found = [{symbol: float(value) for symbol, value in most.items() if value}]
    if fewest is not most and book.sold:
        found.append({symbol: float(value) for symbol, value in fewest.items() if value})
        if book.waiting_buys and book.waiting_sells:  # else it is one of these two
            prices = book.prices
            found.append({s: float(u * prices[s]) for s, u in book.projected.items() if u})
    return found


def _worse(one: TailLoss, other: TailLoss) -> TailLoss:
    return TailLoss(
        max(one.var, other.var),
        max(one.expected_shortfall, other.expected_shortfall),
        one.method,
        one.note or other.note,
    )


def losses(book: Book) -> tuple[Decimal, Decimal] | None:
    """Return day loss and drawdown as shares; None when no history of equity is given."""
    history = book.moment.equity
    if history is None:
        return None
    return history.day_loss(book.equity), history.drawdown(book.equity)


def share_of(value: Decimal, book: Book) -> Decimal:
    """Return money as a share of equity; without equity anything is infinitely much."""
    if book.equity > 0:
        return value / book.equity
    return Decimal("Infinity") if value > 0 else ZERO
