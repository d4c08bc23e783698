"""What no order may be, whatever it would do to the portfolio: each with its sentence."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from schemas.base import MILLIONTH, plain
from schemas.orders import Terms
from trading.gate.book import NONE, Book
from trading.gate.value import order_units
from trading.gate.verdicts import Denial, percent
from trading.orders import OrderIntent

MAX_QUANTITY = Decimal(1_000_000_000)


def refuse(intent: OrderIntent, book: Book) -> Denial | None:
    """Return the first reason why this is no order the gate could weigh, or None."""
    for refusal in _REFUSALS:
        if denial := refusal(intent, book):
            return denial
    return None


def _halted(_: OrderIntent, book: Book) -> Denial | None:
    halt = book.moment.halt
    if halt is not None:
        message = (
            f"trading is halted by the kill switch ({halt.by}: {halt.reason}); no order is "
            "accepted until a named person releases it"
        )
        return Denial("halted", message)
    if book.rules.limits.halted:
        return Denial("halted", "trading is halted by the kill switch; no order is accepted")
    return None


def _quantity(intent: OrderIntent, book: Book) -> Denial | None:
    quantity = intent.quantity
    if not quantity.is_finite():
        return Denial("quantity", "the quantity must be a finite number")
    if quantity <= 0:
        return Denial("quantity", "the quantity must be above zero", -quantity)
    if quantity > MAX_QUANTITY:
        return Denial(
            "quantity", f"the quantity must not exceed {MAX_QUANTITY}", quantity - MAX_QUANTITY
        )
    if quantity % MILLIONTH:
        return Denial("quantity", "the quantity has more than six decimal places")
    return None if book.rules.execution.fractional else _whole(intent, book)


def _whole(intent: OrderIntent, book: Book) -> Denial | None:
    part = intent.quantity % 1
    # Of a notional whole units are bought; what a split left may be sold whole.
    if not part or intent.terms.notional is not None:
        return None
    if intent.side == "sell" and intent.quantity == book.sellable.get(intent.symbol):
        return None
    return Denial("quantity", "only whole units are traded here", part)


def _symbol(intent: OrderIntent, book: Book) -> Denial | None:
    # One sentence for both: that a symbol will have a price one day is news from the future.
    rules, symbol = book.rules, intent.symbol
    if symbol not in rules.tradable or symbol not in book.prices:
        return Denial("symbol", f"{symbol} is no tradable symbol with a known price")
    if symbol in book.moment.suspended:
        return Denial("symbol", f"the exchange has halted trading in {symbol}")
    listed = rules.listed
    if listed is not None and symbol not in listed and not book.reduces(intent):
        return Denial("symbol", f"{symbol} can be sold but not bought: it is not listed now")
    return None


def _terms(intent: OrderIntent, book: Book) -> Denial | None:
    side, terms = intent.side, intent.terms
    if side not in ("buy", "sell"):
        return Denial("terms", "an order buys or sells")
    if terms.notional is not None and (denial := _notional(intent, book)):
        return denial
    if terms.after_sells and side == "sell":
        return Denial("terms", "only a buy waits for the sells before it")
    if terms.parent_id is not None:
        return _child(intent, book)
    return _stop(intent, book.prices[intent.symbol])


def _notional(intent: OrderIntent, book: Book) -> Denial | None:
    close = book.prices[intent.symbol]
    if order_units(intent, close) > MAX_QUANTITY:
        return Denial("quantity", f"the notional is more than {MAX_QUANTITY} units at the close")
    if not book.rules.execution.fractional and intent.terms.notional < close:  # pyright: ignore[reportOptionalOperand]  -- asked above
        return Denial("quantity", "the notional is less than one unit at the last close")
    return None


def _stop(intent: OrderIntent, close: Decimal) -> Denial | None:
    """Refuse a stop on the wrong side of the last close: it would be met before it is placed."""
    terms = intent.terms
    if terms.trail_amount is not None and terms.trail_amount >= close:
        return Denial("terms", "the trail is no smaller than the last close")
    if terms.stop_price is None:
        return None
    if intent.side == "sell" and terms.stop_price > close:
        side, away = "sell", "below"
    elif intent.side == "buy" and terms.stop_price < close:
        side, away = "buy", "above"
    else:
        return None
    message = (
        f"the stop of a {side} order lies {away} the market; this one would be met at once: "
        "place a market or a limit order"
    )
    return Denial("terms", message)


def _child(intent: OrderIntent, book: Book) -> Denial | None:
    parent_id = intent.terms.parent_id or ""
    family = book.family
    if parent_id not in family.parents:
        return Denial("terms", "its parent order is not known here, or has ended without a fill")
    entry = family.parents[parent_id]
    if entry is None:
        return _stop(intent, book.prices[intent.symbol])
    parent = entry.intent
    if parent.symbol != intent.symbol or parent.side == intent.side:
        return Denial("terms", "a bracket's child closes what its parent opens: the other side")
    excess = family.claims(intent) + book.fresh(intent) - book.units(parent)
    if excess > 0:
        by = percent(excess / book.units(parent))
        message = f"the children of a bracket close more than their parent opens, by {by}"
        return Denial("terms", message)
    return _stop(intent, _entry(parent.terms, book.prices[intent.symbol]))


def _entry(terms: Terms, close: Decimal) -> Decimal:
    """Return about where the parent will have filled."""
    return terms.limit_price or terms.stop_price or close


def _hours(_: OrderIntent, book: Book) -> Denial | None:
    if book.rules.limits.market_hours == "any" or book.moment.is_open:
        return None
    why = (
        "the exchange is closed"
        if book.moment.is_open is False
        else "it is not known to the gate whether the exchange is open"
    )
    return Denial("market_hours", f"{why}; market_hours of session_only takes no order then")


def _restricted(intent: OrderIntent, book: Book) -> Denial | None:
    symbol = intent.symbol
    if symbol not in book.rules.limits.restricted or book.reduces(intent):
        return None
    message = f"{symbol} is on the restricted list: what is held of it may be reduced, no more"
    return Denial("restricted", message)


def _count(_: OrderIntent, book: Book) -> Denial | None:
    limits = book.rules.limits
    limit = limits.max_orders_per_session
    if book.orders >= limit:
        message = f"the session has had {book.orders} orders; max_orders_per_session is {limit}"
        return Denial("max_orders_per_session", message, Decimal(book.orders + 1 - limit))
    limit = limits.max_orders_per_minute
    if limit is not None and book.recent >= limit:
        message = f"the last minute had {book.recent} orders; max_orders_per_minute is {limit}"
        return Denial("max_orders_per_minute", message, Decimal(book.recent + 1 - limit))
    return None


def _holding(intent: OrderIntent, book: Book) -> Denial | None:
    if intent.side == "buy" or book.rules.limits.allow_short:
        return None
    if book.waits(intent):
        return _reopening(intent, book)
    sellable = book.sellable.get(intent.symbol, NONE)
    excess = book.fresh(intent) - sellable
    if excess <= 0:
        return None
    message = (
        f"selling {plain(intent.quantity)} {intent.symbol} exceeds the {plain(sellable)} held and "
        f"not in working sells by {plain(excess)}; there is no short selling"
    )
    return Denial("allow_short", message, excess)


def _reopening(intent: OrderIntent, book: Book) -> Denial | None:
    """Refuse a sale that waits for a buy which covers a short position: it would be short again."""
    if book.reduces(intent):
        return None
    message = "its parent covers what is short, so it would sell short; there is no short selling"
    return Denial("allow_short", message, book.fresh(intent))


def _breaker(intent: OrderIntent, book: Book) -> Denial | None:
    watch = book.moment.breakers
    if watch is None:
        return None
    allowed = watch.allowed(book.moment.session)
    if allowed == "all" or (allowed == "reduce_only" and book.reduces(intent)):
        return None
    why = watch.latched[-1].message if watch.latched else "the day's loss has stopped trading"
    return Denial("breaker", f"{why}; only what makes a position smaller passes")


_REFUSALS: tuple[Callable[[OrderIntent, Book], Denial | None], ...] = (
    _halted,
    _quantity,
    _symbol,
    _terms,
    _hours,
    _count,
    _holding,
    _restricted,
    _breaker,
)
