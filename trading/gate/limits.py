"""Every limit that is a number, measured: of the order itself, and of a book as it would be."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from schemas.base import plain, to_cents
from schemas.risk import TailLimit
from trading.gate import measures
from trading.gate.book import NONE, Book
from trading.gate.history import VOLUME_WINDOW
from trading.gate.verdicts import Denial, Reading, percent
from trading.orders import OrderIntent

CASH_ALLOWANCE = Decimal("0.01")
_ONE = Decimal(1)
Finding = Reading | Denial
"""A limit measured, or why it cannot be."""


def of_order(intent: OrderIntent, book: Book) -> Iterator[Finding]:
    """Measure what the order itself may be: no account is small or large enough for it."""
    limits, symbol = book.rules.limits, intent.symbol
    orders = Decimal(book.orders + 1)
    bound = Decimal(limits.max_orders_per_session)
    yield Reading("max_orders_per_session", "the session's orders", orders, bound, "count")
    units = book.units(intent)
    value = units * book.prices[symbol]
    share = limits.max_order_share
    if book.equity > 0 or not book.reduces(intent):  # no equity must not lock up what is held
        most = max(book.equity, NONE) * share
        yield Reading("max_order_share", "the order", value, most, share=share)
    if (bound := limits.max_order_value) is not None:
        yield Reading("max_order_value", "the order's value at the last close", value, bound)
    if (bound := limits.max_order_quantity) is not None:
        yield Reading("max_order_quantity", "the order's quantity", units, bound, "units")
    if limits.price_collar is not None:
        yield from _collar(intent, book, limits.price_collar)
    if limits.max_price_age_sessions is not None:
        yield _age(symbol, book, limits.max_price_age_sessions)
    if limits.max_volume_share is not None:
        traded = volume_share(intent, book)
        if isinstance(traded, str):
            yield Denial("max_volume_share", traded)
        else:
            what = f"the session's orders on that side of {symbol}, of its median daily volume,"
            yield Reading("max_volume_share", what, traded, limits.max_volume_share, "share")


def _collar(intent: OrderIntent, book: Book, collar: Decimal) -> Iterator[Reading]:
    terms, close = intent.terms, book.prices[intent.symbol]
    for name, price in (("limit", terms.limit_price), ("stop", terms.stop_price)):
        if price is not None:
            what = f"the distance of the {name} price from the last close"
            yield Reading("price_collar", what, abs(price / close - 1), collar, "share")
    trail = terms.trail_share
    if terms.trail_amount is not None:
        trail = terms.trail_amount / close
    if trail is not None:
        what = "the distance of the trail from the last close"
        yield Reading("price_collar", what, trail, collar, "share")


def _age(symbol: str, book: Book, bound: int) -> Finding:
    ages = book.moment.ages
    if ages is None or symbol not in ages:
        message = f"it is not known how old the last close of {symbol} is; no order passes then"
        return Denial("max_price_age_sessions", message)
    what = f"the age of the last close of {symbol}, in sessions,"
    return Reading("max_price_age_sessions", what, Decimal(ages[symbol]), Decimal(bound), "count")


def volume_share(intent: OrderIntent, book: Book) -> Decimal | str:
    """Return the order with the session's working ones of its side, of the median daily volume."""
    symbol = intent.symbol
    risk = book.rules.risk
    median = None if risk is None else risk.median_volume(symbol)
    if not median:
        return f"the volume of {symbol} over {VOLUME_WINDOW} sessions is not known"
    return (working_units(intent, book) + book.fresh(intent)) / median


def working_units(intent: OrderIntent, book: Book) -> Decimal:
    """Return the units of orders in the same symbol on the same side, waiting ones too."""
    symbol = intent.symbol
    sellable = book.sellable.get(symbol, NONE)
    middle = book.held if intent.side == "sell" else book.projected
    waiting = book.waiting_children.get((symbol, intent.side), NONE)
    return middle.get(symbol, NONE) - sellable + waiting


def cash(intent: OrderIntent, book: Book) -> Denial | None:
    """Deny a buy beyond the account's own money; where leverage is allowed the margin decides."""
    limits = book.rules.limits
    if intent.side == "sell" or (book.waits(intent) and book.reduces(intent)):
        return None
    cost = book.estimate(intent)
    if not cost.amount:
        return Denial("quantity", "the order is worth less than a cent at the last close")
    if limits.allow_leverage:
        return None
    own = book.cash
    if limits.allow_short and not book.reduces(intent):
        own = measures.free_cash(book)
    outlay = cost.outlay if intent.terms.oco_group is None else book.fresh_outlay(intent)
    if outlay <= own * (1 + CASH_ALLOWANCE):
        return None
    excess = outlay - own
    message = (
        f"at the last close the order takes {plain(outlay)} with costs; the cash, working "
        f"orders counted, is {plain(to_cents(own))}: {plain(to_cents(excess))} short; there is no "
        "leverage"
    )
    return Denial("allow_leverage", message, to_cents(excess))


def leans(book: Book) -> bool:
    """Say whether an order may be within the limits only because of sells that count as filled.

    With cash alone none is: what sells do not bring buys nothing.
    """
    limits = book.rules.limits
    return any(units > 0 for units in book.sure_sells.values()) and (
        limits.allow_short
        or limits.allow_leverage
        or min(limits.max_gross_share, limits.max_position_share) < _ONE
        or bool(limits.min_cash_share or limits.tail or limits.rules)
        or any(
            limit is not None
            for limit in (
                limits.max_positions,
                limits.max_sector_share,
                limits.max_net_share,
                limits.correlation,
            )
        )
    )


def of_book(book: Book, symbol: str) -> Iterator[Finding]:
    """Measure what the account may be: what an order in this symbol could change."""
    limits = book.rules.limits
    yield from _losses(book)
    equity = max(book.equity, NONE)
    value = measures.position_value(book, symbol)
    share = limits.max_position_share
    what = f"the position in {symbol}"
    yield Reading("max_position_share", what, value, equity * share, share=share)
    if limits.max_positions is not None:
        held = Decimal(len(measures.exposures(book)))
        bound = Decimal(limits.max_positions)
        yield Reading("max_positions", "the number of positions", held, bound, "count")
    if (share := limits.max_sector_share) is not None:
        sector = limits.sectors.get(symbol)
        if sector is None:
            yield Denial("max_sector_share", f"{symbol} belongs to no sector that is known")
        else:
            value = measures.sector_value(book, sector)
            what = f"the sector {sector}"
            yield Reading("max_sector_share", what, value, equity * share, share=share)
    credit = limits.allow_leverage or limits.allow_short
    if credit or limits.max_gross_share < _ONE:
        share = limits.max_gross_share
        value = measures.gross(book)
        yield Reading("max_gross_share", "all positions", value, equity * share, share=share)
    if (share := limits.max_net_share) is not None:
        what = "all positions, long less short,"
        yield Reading("max_net_share", what, measures.net(book), equity * share, share=share)
    if limits.min_cash_share:
        yield _reserve(book, limits.min_cash_share)
    if credit:
        yield _margin(book)
    if limits.correlation is not None:
        yield _cluster(book, symbol)
    for tail in limits.tail:
        yield from _tail(book, tail)


def _losses(book: Book) -> Iterator[Finding]:
    limits = book.rules.limits
    if limits.max_day_loss is None and limits.max_drawdown is None:
        return
    names = ("max_day_loss", "max_drawdown")
    bounds = (limits.max_day_loss, limits.max_drawdown)
    found = measures.losses(book)
    if found is None:
        name = names[0] if bounds[0] is not None else names[1]
        yield Denial(name, "it is not known what the account was worth before")
        return
    whats = ("the loss of the session", "the fall from the highest equity")
    for name, what, value, bound in zip(names, whats, found, bounds, strict=True):
        if bound is not None:
            yield Reading(name, what, value, bound, "share")


def _reserve(book: Book, share: Decimal) -> Reading:
    left = measures.free_cash(book)
    keeps = max(book.equity, NONE) * share
    # As what is spent of what may be spent: every reading has its limit above.
    said = (
        f"the cash, working orders counted, would be {plain(to_cents(left))}; min_cash_share of "
        f"{plain(share)} keeps {plain(to_cents(keeps))} of an equity of {plain(book.equity)}"
    )
    spent, bound = book.equity - left, book.equity - keeps
    return Reading("min_cash_share", "what is invested", spent, bound, said=said)


def _margin(book: Book) -> Reading:
    needed = measures.margin_needed(book)
    bound = max(book.equity, NONE)
    said = (
        f"the positions would ask for {plain(to_cents(needed))} of equity as margin "
        f"(initial_margin_share {plain(book.rules.limits.initial_margin_share)}); there is "
        f"{plain(book.equity)}"
    )
    return Reading("initial_margin_share", "the margin", needed, bound, said=said)


def _cluster(book: Book, symbol: str) -> Finding:
    limit = book.rules.limits.correlation
    assert limit is not None  # noqa: S101 -- asked by the caller
    found = measures.cluster_value(book, symbol, limit)
    if isinstance(found, str):
        return Denial("correlation", f"{found}; a limit on what moves together needs them")
    value, centre = found
    what = f"{centre} with what moves with it ({plain(limit.above)} and more)"
    bound = max(book.equity, NONE) * limit.max_share
    return Reading("correlation", what, value, bound, share=limit.max_share)


def _tail(book: Book, limit: TailLimit) -> Iterator[Finding]:
    found = measures.portfolio_tail(book, limit)
    if isinstance(found, str):
        name = "max_var" if limit.max_var is not None else "max_cvar"
        yield Denial(name, f"{found}; a limit on losses in a session needs them")
        return
    method = (
        limit.method.replace("_", "–").title() if limit.method != "historical" else "historical"
    )
    if found.note is not None:
        method = f"historical, as the returns lie outside of what {method} can describe"
    at = f"at {percent(Decimal(limit.confidence))} ({method})"
    for name, what, value, bound in (
        ("max_var", "value at risk", found.var, limit.max_var),
        ("max_cvar", "expected shortfall", found.expected_shortfall, limit.max_cvar),
    ):
        if bound is not None:
            said, key = f"the {what} of a session {at}", f"{limit.confidence} {limit.method}"
            yield Reading(name, said, Decimal(repr(value)), bound, "share", key=key)
