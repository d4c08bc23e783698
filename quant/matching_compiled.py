"""How orders fare in the bars of sessions, compiled; `quant/matching.py` is the door.

Codes are places in the tuples published there. `side` is 1 for a buy and −1 for a sale: of two
prices the better one is that with the smaller side × price; a price of NaN is none. All of it is
one file: compiled code is kept until the file of its function changes, whatever changes elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from quant.arrays import Floats
from quant.matching_inputs import Codes

MARKET, LIMIT, STOP, STOP_LIMIT = range(4)
DAY, GTC, IOC, FOK, AT_OPEN, AT_CLOSE = range(6)
AT_THE_OPEN, AT_THE_CLOSE, AT_VWAP, AT_LIMIT, AT_STOP = range(5)
TIERED, PER_SHARE, PER_ORDER = range(3)
NO_BAR, MISSED, CAPPED, NOT_TRADABLE, WHOLE = range(5)
ACCEPTED, PARTLY, FILLED, CANCELLED, REJECTED, EXPIRED = range(6)
FIGURES = 8  # of a fill: order, session, quantity, reference, price, amount, fee, convention
SIDE, KIND, FORCE, FIRST, QUANTITY, LIMIT_AT, STOP_AT, DONE, MONEY, FEES, HIT, TURN = range(12)
"""Columns of an order: what was asked, what has been done: units, money and fees so far, whether
its stop has been reached; and its turn in the session."""


class Rules(NamedTuple):
    """An execution model in numbers; shares of the price where nothing else is said."""

    policy: int  # the convention of market orders
    penetration: float
    commission: int
    rate: float  # money a unit, or an order
    least: float
    most: float
    slippage: float
    volume_impact: float
    volume_limit: float
    volume_share: float  # of a bar that may be traded; infinite without a cap
    has_impact: bool
    permanent: float
    temporary: float
    exponent: float
    step: float  # of quantities
    carry: int


class Bar(NamedTuple):
    """One name in one session, and what was known of it before."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    half_spread: float
    daily_volume: float
    daily_volatility: float


class Asked(NamedTuple):
    """One order, and what it has done so far; limit and stop are NaN where it has none."""

    side: float
    order_type: int
    time_in_force: int
    quantity: float
    limit: float
    stop: float
    done: float
    hit: bool


class Deal(NamedTuple):
    """What a bar did to an order; without units nothing was filled."""

    outcome: int
    hit: bool
    units: float
    reference: float
    price: float
    amount: float
    convention: int


class Desk(NamedTuple):
    """What orders are traded with.

    `bars` (N, T, 8) are the figures of `Bar`, `tiers` (K, 2) as in `_owed`. Of `orders` (M, 12) and
    `status` (M,) those from `starts[g]` to `starts[g + 1]` share the bars `names[g]`. `traded` (2,)
    has the units sold and bought in the session so far, `made` (1,) the number of fills.
    """

    rules: Rules
    tiers: Floats
    bars: Floats
    orders: Floats
    status: Codes
    starts: Codes
    names: Codes
    traded: Floats
    made: Codes


@njit(cache=True)
def _half_even(value: float) -> float:
    """Round to whole numbers; what float noise moved off a tie is one, as it is in decimals."""
    below = np.floor(value)
    beyond = value - below - 0.5
    if abs(beyond) <= 1e-15 * value + 1e-9:
        return below + below % 2.0
    return below + 1.0 if beyond > 0.0 else below


@njit(cache=True)
def _micro(value: float) -> float:
    """Round half-even to 1e-6."""
    return _half_even(value * 1e6) / 1e6


@njit(cache=True)
def _cents(value: float) -> float:
    """Round half-even to the cent."""
    return _half_even(value * 100.0) / 100.0


@njit(cache=True)
def _cut(quantity: float, step: float) -> float:
    """Cut down to whole steps; what lies a hair of float noise below one counts as it."""
    return _micro(np.floor((quantity * (1.0 + 1e-15) + 1e-10) / step) * step)


@njit(cache=True)
def _at_market(rules: Rules, bar: Bar, asked: Asked) -> tuple[float, int]:
    """Return price and convention of an order that takes one price of the bar."""
    force = asked.time_in_force
    if force == AT_OPEN or (rules.policy == AT_THE_OPEN and force != AT_CLOSE):
        return bar.open, AT_THE_OPEN
    if force == AT_CLOSE or rules.policy == AT_THE_CLOSE:
        return bar.close, AT_THE_CLOSE
    return _micro((bar.open + bar.high + bar.low + bar.close) / 4.0), AT_VWAP


@njit(cache=True)
def _at_limit(rules: Rules, bar: Bar, asked: Asked) -> tuple[float, int]:
    """Return price and convention of a limit order that rests through the whole bar."""
    side, limit = asked.side, asked.limit
    if side * bar.open < side * limit or (bar.open == limit and rules.penetration == 0.0):
        return bar.open, AT_THE_OPEN
    best = bar.low if side > 0 else bar.high
    passed = limit * (1.0 - side * rules.penetration)
    if side * (best - passed) <= 1e-12 * limit:  # float noise is no miss
        return limit, AT_LIMIT
    return np.nan, AT_LIMIT


@njit(cache=True)
def _at_stop(rules: Rules, bar: Bar, asked: Asked) -> tuple[float, int, bool]:
    """Return price, convention, and whether the stop is reached.

    What a limit can get after the touch: the rest of a bar that opened beyond the stop, the stop's
    own price, or the close.
    """
    side, stop, limit = asked.side, asked.stop, asked.limit
    worst = bar.high if side > 0 else bar.low
    if side * bar.open >= side * stop:
        met = (bar.open, AT_THE_OPEN) if np.isnan(limit) else _at_limit(rules, bar, asked)
        return met[0], met[1], True
    if side * worst < side * stop:
        return np.nan, AT_STOP, False
    if np.isnan(limit) or side * stop <= side * limit:
        return stop, AT_STOP, True
    if side * bar.close <= side * limit:
        return limit, AT_LIMIT, True
    return np.nan, AT_LIMIT, True


@njit(cache=True)
def _meet(rules: Rules, bar: Bar, asked: Asked) -> tuple[float, int, bool]:
    """Return the market's price an order meets, its convention, and whether its stop is reached."""
    hit = asked.hit
    if asked.order_type in (STOP, STOP_LIMIT) and not hit:
        return _at_stop(rules, bar, asked)
    rests = asked.time_in_force in (DAY, GTC)
    if rests and asked.order_type in (LIMIT, STOP_LIMIT):
        price, convention = _at_limit(rules, bar, asked)
        return price, convention, hit
    price, convention = _at_market(rules, bar, asked)
    if asked.side * price > asked.side * asked.limit:  # never true for a limit of NaN
        price = np.nan
    return price, convention, hit


@njit(cache=True)
def _impact(rules: Rules, bar: Bar, units: float) -> float:
    part = units / bar.daily_volume
    paid = rules.permanent * part / 2.0 + rules.temporary * part**rules.exponent
    return bar.daily_volatility * paid


@njit(cache=True)
def _cost(rules: Rules, bar: Bar, units: float, traded: tuple[float, float]) -> float:
    """Return half-spread, slippage and impact of units as a share of the price.

    `traded` are the account's units in the bar so far, on the same side and on the other.
    """
    same, other = traded
    share = bar.half_spread + rules.slippage
    if rules.volume_impact > 0.0:
        part = min((same + other + units) / bar.volume, rules.volume_limit)
        share += rules.volume_impact * part * part
    if rules.has_impact:
        last = same + units
        total = last * _impact(rules, bar, last)
        if same > 0.0:
            total -= same * _impact(rules, bar, same)
        share += np.rint(max(total / units, 0.0) * 1e9) / 1e9
    return share


@njit(cache=True)
def _priced(reference: float, asked: Asked, share: float) -> float:
    """Return the price paid: moved against the order, never below 1e-6 nor beyond its limit."""
    price = max(_micro(reference * (1.0 + asked.side * share)), 1e-6)
    return asked.limit if asked.side * price > asked.side * asked.limit else price


@njit(cache=True)
def _owed(rules: Rules, tiers: Floats, units: float, money: float) -> float:
    """Return the fee on everything an order has traded by now, in cents.

    `tiers` (K, 2): the money up to which a rate holds, and the rate.
    """
    if rules.commission == PER_ORDER:
        return rules.rate
    if rules.commission == PER_SHARE:
        return _cents(min(max(units * rules.rate, rules.least), money * rules.most))
    fee, start = 0.0, 0.0
    for tier in range(len(tiers)):
        end = min(money, tiers[tier, 0])
        if end <= start:
            break
        fee += (end - start) * tiers[tier, 1]
        start = end
    return _cents(max(fee, rules.least))


@njit(cache=True)
def _fillable(rules: Rules, bar: Bar, asked: Asked, traded: float) -> tuple[float, int]:
    """Return how many units can be filled where a price is met, and what cut them last."""
    is_capped = np.isfinite(rules.volume_share)
    is_lost = rules.has_impact and not bar.daily_volume * (1.0 + bar.daily_volatility) > 0.0
    if is_lost or (is_capped and np.isnan(bar.volume)):  # what the rules need is not known
        return 0.0, CAPPED
    wanted = _micro(asked.quantity - asked.done)
    units = _cut(wanted, rules.step)
    outcome = NOT_TRADABLE if units < wanted else WHOLE
    if is_capped:
        left = _cut(max(rules.volume_share * bar.volume - traded, 0.0), rules.step)
        if left < units:
            units, outcome = left, CAPPED
    if asked.time_in_force == FOK and outcome != WHOLE:
        return 0.0, outcome
    return units, outcome


@njit(cache=True)
def _nothing(outcome: int, hit: bool) -> Deal:  # noqa: FBT001 - compiled functions take no keywords
    return Deal(outcome, hit, 0.0, np.nan, np.nan, 0.0, 0)


@njit(cache=True)
def _trade(rules: Rules, bar: Bar, asked: Asked, traded: tuple[float, float]) -> Deal:
    """Return what a bar does to an order; `traded` as in `_cost`.

    Takes and returns numbers alone: an array in a tuple costs a reference count at each visit.
    """
    if np.isnan(bar.close):
        return _nothing(NO_BAR, asked.hit)
    reference, convention, hit = _meet(rules, bar, asked)
    if np.isnan(reference):
        return _nothing(MISSED, hit)
    units, outcome = _fillable(rules, bar, asked, traded[0] + traded[1])
    if units <= 0.0:
        return _nothing(outcome, hit)
    price = _priced(reference, asked, _cost(rules, bar, units, traded))
    amount = _cents(units * price)
    if asked.side > 0 and amount == 0.0:
        return _nothing(NOT_TRADABLE, hit)
    return Deal(outcome, hit, units, reference, price, amount, convention)


@njit(cache=True)
def _state(rules: Rules, age: int, force: int, deal: tuple[int, bool]) -> int:
    """Return where an order stands after a session of its life; `deal`: outcome, any fill yet."""
    outcome, has_filled = deal
    if outcome == WHOLE:
        return FILLED
    if outcome == NOT_TRADABLE:
        return CANCELLED if has_filled or force == FOK else REJECTED
    if outcome == NO_BAR and force != GTC:
        return CANCELLED
    # A day order is carried over once there is a rest of it: it has been capped.
    rest = outcome == CAPPED or age > 0 or has_filled
    if force == GTC or (force == DAY and rest and age < rules.carry):
        return PARTLY if has_filled else ACCEPTED
    return CANCELLED if force in (IOC, FOK) else EXPIRED


@njit(cache=True)
def _asked(orders: Floats, i: int) -> Asked:
    kind, force, done = int(orders[i, KIND]), int(orders[i, FORCE]), orders[i, DONE]
    quantity, limit, stop = orders[i, QUANTITY], orders[i, LIMIT_AT], orders[i, STOP_AT]
    return Asked(orders[i, SIDE], kind, force, quantity, limit, stop, done, orders[i, HIT] > 0.0)


@njit(cache=True)
def _write(desk: Desk, fills: Floats, order: tuple[int, int], deal: Deal) -> None:
    """Write a fill of an order (its row, the session) and what the order has done by now."""
    i, t = order
    orders = desk.orders
    orders[i, DONE] = _micro(orders[i, DONE] + deal.units)
    orders[i, MONEY] += deal.units * deal.price
    due = _owed(desk.rules, desk.tiers, orders[i, DONE], orders[i, MONEY])
    fee = _cents(max(due - orders[i, FEES], 0.0))
    orders[i, FEES] += fee
    desk.traded[1 if orders[i, SIDE] > 0.0 else 0] += deal.units
    row = fills[desk.made[0]]
    desk.made[0] += 1
    row[0], row[1], row[2], row[3] = float(i), float(t), deal.units, deal.reference
    row[4], row[5], row[6], row[7] = deal.price, deal.amount, fee, float(deal.convention)


@njit(cache=True)
def _line_up(desk: Desk, bar: Bar, working: Codes) -> int:
    """Give orders that share a bar their turns: open, inside, close, sales first; return them."""
    rules, orders = desk.rules, desk.orders
    if not (rules.has_impact or np.isfinite(rules.volume_share)):
        return 1
    for i in working:
        convention = _meet(rules, bar, _asked(orders, i))[1]
        phase = 0 if convention == AT_THE_OPEN else 2 if convention == AT_THE_CLOSE else 1
        orders[i, TURN] = 2.0 * phase + (1.0 if orders[i, SIDE] > 0.0 else 0.0)
    return 6


@njit(cache=True)
def _take(desk: Desk, fills: Floats, working: Codes, now: tuple[Bar, int, int]) -> None:
    """Take the orders whose turn it is through a session; `now`: its bar, its row, the turn."""
    bar, t, turn = now
    rules, orders, traded = desk.rules, desk.orders, desk.traded
    for i in working:
        if orders[i, TURN] != turn:
            continue
        place = 1 if orders[i, SIDE] > 0.0 else 0
        deal = _trade(rules, bar, _asked(orders, i), (traded[place], traded[1 - place]))
        orders[i, HIT] = 1.0 if deal.hit else 0.0
        if deal.units > 0.0:
            _write(desk, fills, (i, t), deal)
        age, force = t - int(orders[i, FIRST]), int(orders[i, FORCE])
        desk.status[i] = _state(rules, age, force, (deal.outcome, orders[i, DONE] > 0.0))


@njit(cache=True)
def _group(desk: Desk, fills: Floats, group: tuple[int, int], days: Floats) -> Floats:
    """Take a group's orders through its (T, 8) days; return the fills, grown where needed."""
    following, end = group
    orders, made, traded = desk.orders, desk.made, desk.traded
    working, count, t = np.empty(end - following, np.int64), 0, -1
    while following < end or count > 0:
        t = t + 1 if count > 0 else int(orders[following, FIRST])
        if t == len(days):
            break
        while following < end and orders[following, FIRST] == t:
            working[count] = following
            count, following = count + 1, following + 1
        if made[0] + count > len(fills):
            fills = np.concatenate((fills, np.empty((made[0] + count, FIGURES))))
        traded[0] = traded[1] = 0.0
        day = days[t]
        bar = Bar(day[0], day[1], day[2], day[3], day[4], day[5], day[6], day[7])
        for turn in range(_line_up(desk, bar, working[:count])):
            _take(desk, fills, working[:count], (bar, t, turn))
        kept = working[:count][desk.status[working[:count]] <= PARTLY]
        count = len(kept)
        working[:count] = kept
    return fills


@njit(cache=True)
def run(desk: Desk) -> Floats:
    """Take all orders through the sessions; write to the desk, and return the (F, 8) fills."""
    fills = np.empty((len(desk.orders), FIGURES))
    for g in range(len(desk.names)):
        group = (desk.starts[g], desk.starts[g + 1])
        fills = _group(desk, fills, group, desk.bars[desk.names[g]])
    return fills[: desk.made[0]]
