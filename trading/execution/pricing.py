"""What a fill really costs: the price of so many units in a session, and how many money buys.

Spread, slippage and impact are shares of the market's price and move it against the order; a limit
order never pays beyond its limit for them. An order that gets its limit price itself has bought
its patience with waiting and pays none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from schemas.base import CENT, to_cents
from schemas.orders import Side
from trading.execution.bars import Daily, PastBars, SessionBar, daily_figures
from trading.execution.commissions import UNTRADED, Traded, next_fee
from trading.execution.costs import Charge, cut, moved
from trading.execution.impacts import impact_of
from trading.execution.policies import Policies

_MOST_UNITS = Decimal(10**12)
"""What money asks for is cut to so many units: no account has more, and sums stay exact."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What moves a price, as shares of it."""

    spread: Decimal
    slippage: Decimal
    impact: Decimal

    @property
    def total(self) -> Decimal:
        """All of them."""
        return self.spread + self.slippage + self.impact

    def within(self, room: Decimal) -> Shares:
        """Return as much of them as fits, the spread first."""
        spread = min(self.spread, room)
        slippage = min(self.slippage, room - spread)
        return Shares(spread, slippage, min(self.impact, room - spread - slippage))


@dataclass(frozen=True, slots=True)
class Offer:
    """The market's price that an order meets, and the limit that its own price keeps to."""

    side: Side
    reference: Decimal
    limit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Priced:
    """What so many units come to."""

    price: Decimal
    charge: Charge
    spread_cost: Decimal
    slippage_cost: Decimal
    impact_cost: Decimal


class Pricer:
    """Prices the fills of one symbol in one session, knowing what was traded in it before."""

    def __init__(self, policies: Policies, bar: SessionBar, past: PastBars | None) -> None:
        self._policies = policies
        self._volume = bar.volume
        self._half = policies.spread.half(past)
        window = policies.impact.window
        self._daily: Daily | None = None
        if window and past is not None:
            self._daily = daily_figures(past, window)
        self._taken: dict[Side, Decimal] = {"buy": Decimal(), "sell": Decimal()}

    @property
    def missing(self) -> str | None:
        """Return what is not known that the policies need, in words."""
        policies = self._policies
        if policies.execution.needs_volume and self._volume is None:
            return "its volume in the session is not known"
        if policies.impact.window and self._daily is None:
            return "too little is known of the sessions before to tell its market impact"
        return None

    @property
    def room(self) -> Decimal | None:
        """Return how many units of the bar are left for the account; None: any number."""
        most = self._policies.most(self._volume)
        if most is None:
            return None
        return max(cut(most - sum(self._taken.values()), self._policies.step), Decimal())

    def take(self, side: Side, units: Decimal) -> None:
        """Note units that were traded."""
        self._taken[side] += units

    def shares(self, side: Side, units: Decimal) -> Shares:
        """Return what moves the price against an order for so many units, above zero."""
        policies = self._policies
        taken = sum(self._taken.values(), units)
        impact = Decimal()
        if self._daily is not None:
            impact = impact_of(policies.impact, units, self._daily, before=self._taken[side])
        return Shares(self._half, policies.slippage.share(taken, self._volume), impact)

    def price(self, offer: Offer, units: Decimal, *, before: Traded = UNTRADED) -> Priced:
        """Return what so many units come to, for an order that has traded `before`."""
        shares = self.shares(offer.side, units)
        price = moved(offer.reference, offer.side, shares.total)
        if offer.limit is not None and _is_beyond(price, offer):
            price = offer.limit
            shares = shares.within(abs(offer.limit - offer.reference) / offer.reference)
        money, at_market = units * price, units * offer.reference
        return Priced(
            price=price,
            charge=Charge(
                to_cents(money), next_fee(self._policies.commission, units, money, before=before)
            ),
            spread_cost=to_cents(at_market * shares.spread),
            slippage_cost=to_cents(at_market * shares.slippage),
            impact_cost=to_cents(at_market * shares.impact),
        )

    def affordable(
        self, offer: Offer, units: Decimal, cash: Decimal, *, before: Traded = UNTRADED
    ) -> Decimal:
        """Return the most units, up to `units`, whose amount and fee cash covers, exactly."""
        if cash <= 0:
            return Decimal()
        # A buy never pays less than the market's price; half a cent is what rounding can give.
        units = min(units, (cash + CENT) / offer.reference)

        def outlay(count: int) -> Decimal:
            return self.price(offer, count * step, before=before).charge.outlay

        step = self._policies.step
        return cut(most_within(outlay, int(units / step), cash) * step, step)

    def units_for(self, offer: Offer, money: Decimal, *, before: Traded = UNTRADED) -> Decimal:
        """Return the units that so much money trades at the fill price, never for more than it.

        A sale that moves the price far brings less than it: no more than twice the units are sold
        that the money is worth before it.
        """
        step = self._policies.step
        units = cut(min(money / offer.reference, _MOST_UNITS), step)
        most = 2 * units
        for _ in range(2):  # the price depends on the units only where impact does, and weakly
            if units:
                price = self.price(offer, units, before=before).price
                units = min(cut(min(money / price, _MOST_UNITS), step), most)

        def amount(count: int) -> Decimal:
            return self.price(offer, count * step, before=before).charge.amount

        if units and amount(int(units / step)) > money:
            units = most_within(amount, int(units / step), money) * step
        return units


def _is_beyond(price: Decimal, offer: Offer) -> bool:
    limit = offer.limit
    return limit is not None and (price > limit if offer.side == "buy" else price < limit)


def most_within(cost: Callable[[int], Decimal], most: int, money: Decimal) -> int:
    """Return the largest count in 0..most whose cost is within the money; costs never fall.

    The cost of nothing is nothing. It begins where the cost would be the money if it grew evenly,
    which with costs in shares of the price is a few steps away at most.
    """
    if most <= 0:
        return 0
    total = cost(most)
    if total <= money:
        return most
    low, high = 0, most
    guess, stride = int(most * money / total), 1
    while low < guess < high:
        if cost(guess) <= money:
            low, guess = guess, guess + stride
        else:
            high, guess = guess, guess - stride
        stride *= 4
    while high - low > 1:
        middle = (low + high) // 2
        if cost(middle) <= money:
            low = middle
        else:
            high = middle
    return low
