"""Rules of one's own, as `schemas.risk.Rule` has them: reject, trim, or check afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal

from schemas.base import MILLIONTH, plain, to_cents
from schemas.risk import BreakerEvent, Measure, Rule
from trading.gate import measures
from trading.gate.book import NONE, Book
from trading.gate.limits import Finding, volume_share, working_units
from trading.gate.verdicts import Denial, Kind, Reading, percent
from trading.orders import OrderIntent

_KINDS: dict[Measure, Kind] = {
    "order_value": "money",
    "position_value": "money",
    "order_quantity": "units",
    "orders_in_session": "count",
}
_NAMES: dict[Measure, str] = {
    "order_value": "the order's value",
    "order_share": "the order's share of equity",
    "order_quantity": "the order's quantity",
    "position_share": "the position's share of equity",
    "position_value": "the position's value",
    "sector_share": "the sector's share of equity",
    "gross_share": "long plus short value, of equity,",
    "net_share": "long less short value, of equity,",
    "cash_share": "the share of cash",
    "volume_share": "the share of the median daily volume",
    "price_move": "the return of its last session",
    "orders_in_session": "the number of the session's orders",
    "drawdown": "the fall from the highest equity",
    "day_loss": "the loss of the session",
}
_OF_ORDERS = frozenset({"order_value", "order_share", "order_quantity", "volume_share"})
_OF_SYMBOLS = frozenset({"position_share", "position_value", "price_move"})


def applies(rule: Rule, intent: OrderIntent, book: Book) -> bool:
    """Say whether a pre-trade rule is about this order."""
    sector = book.rules.limits.sectors.get(intent.symbol)
    return (
        rule.when == "pre_trade"
        and (not rule.symbols or intent.symbol in rule.symbols)
        and (not rule.sectors or sector in rule.sectors)
        and (not rule.sides or intent.side in rule.sides)
        and (not rule.agents or book.moment.agent in rule.agents)
    )


def of_order(intent: OrderIntent, book: Book) -> Iterator[Finding]:
    """Measure what the order's own rules look at; reject and trim alike."""
    for rule in book.rules.limits.rules:
        if rule.measure in _OF_ORDERS and applies(rule, intent, book):
            yield _found(rule, _of_order(rule.measure, intent, book))


def of_book(intent: OrderIntent, book: Book) -> Iterator[Finding]:
    """Measure what the other rules look at, in a book as it is or as it would be."""
    for rule in book.rules.limits.rules:
        if rule.measure not in _OF_ORDERS and applies(rule, intent, book):
            yield _found(rule, _of_book(rule.measure, intent.symbol, book))


def trimmed(intent: OrderIntent, book: Book) -> tuple[OrderIntent, str | None]:
    """Cut the order to what the trimming rules leave of it, and say which cut the most.

    The quantity may become 0. Orders that only reduce a position are not cut by what the position
    is; a quantity is cut down to what can be traded.
    """
    units, by = book.units(intent), None
    for rule in book.rules.limits.rules:
        if rule.action == "trim" and rule.max is not None and applies(rule, intent, book):
            room = _room(rule, rule.max, intent, book)
            if room is not None and room < units:
                units, by = room, rule.id
    if by is None:
        return intent, None
    step = MILLIONTH if book.rules.execution.fractional else Decimal(1)
    units = max(units, NONE).quantize(step, rounding=ROUND_DOWN).quantize(MILLIONTH)
    terms = intent.terms
    if terms.notional is not None and units:
        money = (units * book.prices[intent.symbol]).quantize(Decimal("0.01"), rounding=ROUND_DOWN)
        terms = terms.model_copy(update={"notional": money})
    return replace(intent, quantity=units, terms=terms), by


def breaches(book: Book) -> tuple[BreakerEvent, ...]:
    """Return what the post-trade rules find in an account as it stands, one a rule and symbol.

    They are told as events of breakers that stop nothing, named `rule:` and the rule's id.
    """
    found: list[BreakerEvent] = []
    for rule in book.rules.limits.rules:
        if rule.when == "post_trade":
            for subject, symbol in _subjects(rule, book):
                value = _of_book(rule.measure, symbol, book)
                if event := _breach(rule, subject, value):
                    found.append(event)
    return tuple(found)


def _subjects(rule: Rule, book: Book) -> list[tuple[str, str]]:
    """What the rule is asked of: a name to be told, and a symbol to measure by."""
    sectors = book.rules.limits.sectors
    held = [
        symbol
        for symbol, units in sorted(book.projected.items())
        if units
        and (not rule.symbols or symbol in rule.symbols)
        and (not rule.sectors or sectors.get(symbol) in rule.sectors)
    ]
    if rule.measure in _OF_SYMBOLS:
        return [(symbol, symbol) for symbol in held]
    if rule.measure == "sector_share":
        first = {sectors.get(symbol, ""): symbol for symbol in reversed(held)}
        return sorted((sector, symbol) for sector, symbol in first.items() if sector)
    return [("the account", "")]


def _breach(rule: Rule, subject: str, value: Decimal | str) -> BreakerEvent | None:
    if isinstance(value, str):
        return None
    bound, broken = _side(rule, value)
    if not broken:
        return None
    says, limit = _written(rule, value), _written(rule, bound)
    word = "most" if rule.max is not None else "least"
    return BreakerEvent(
        breaker=f"rule:{rule.id}",
        action="review",
        value=float(value),
        limit=float(bound),
        message=f"{subject}: {_NAMES[rule.measure]} is {says}; rule {rule.id} allows at {word} "
        f"{limit}",
        enforced=False,
    )


def _found(rule: Rule, value: Decimal | str) -> Finding:
    name = f"rule:{rule.id}"
    if isinstance(value, str):
        return Denial(name, f"{value}; rule {rule.id} needs it")
    bound, broken = _side(rule, value)
    kind = _KINDS.get(rule.measure, "share")
    said = _sentence(rule, value, bound) if broken else None
    what = _NAMES[rule.measure]
    if rule.max is not None:
        return Reading(name, what, value, bound, kind, said=said)
    return Reading(name, what, -value, -bound, kind, said=said)


def _side(rule: Rule, value: Decimal) -> tuple[Decimal, bool]:
    if rule.max is not None:
        return rule.max, value > rule.max
    bound = rule.min if rule.min is not None else NONE
    return bound, value < bound


def _sentence(rule: Rule, value: Decimal, bound: Decimal) -> str:
    word = "most" if rule.max is not None else "least"
    told = f" ({rule.description})" if rule.description else ""
    if _KINDS.get(rule.measure) == "units":
        # No units in a sentence: whoever sees masked prices must not learn the real ones.
        side = "above" if rule.max is not None else "below"
        by = percent(abs(value / bound - 1)) if bound else "all of it"
        return f"{_NAMES[rule.measure]} is {side} what rule {rule.id} allows by {by}{told}"
    return (
        f"{_NAMES[rule.measure]} would be {_written(rule, value)}; rule {rule.id} allows at {word} "
        f"{_written(rule, bound)}{told}"
    )


def _written(rule: Rule, value: Decimal) -> str:
    kind = _KINDS.get(rule.measure, "share")
    if kind == "share":
        return percent(value)
    return plain(to_cents(value)) if kind == "money" else plain(value)


def _of_order(measure: Measure, intent: OrderIntent, book: Book) -> Decimal | str:
    if measure == "volume_share":
        return volume_share(intent, book)
    units = book.units(intent)
    if measure == "order_quantity":
        return units
    value = units * book.prices[intent.symbol]
    return value if measure == "order_value" else measures.share_of(value, book)


def _of_book(measure: Measure, symbol: str, book: Book) -> Decimal | str:
    if measure == "orders_in_session":
        return Decimal(book.orders)
    if measure == "price_move":
        move = None if book.rules.risk is None else book.rules.risk.last_return(symbol)
        return f"the last return of {symbol} is not known" if move is None else move
    if measure in ("drawdown", "day_loss"):
        losses = measures.losses(book)
        if losses is None:
            return "it is not known what the account was worth before"
        return losses[measure == "drawdown"]
    return _of_money(measure, symbol, book)


def _of_money(measure: Measure, symbol: str, book: Book) -> Decimal | str:
    if measure == "position_value":
        return measures.position_value(book, symbol)
    if measure == "sector_share":
        sector = book.rules.limits.sectors.get(symbol)
        if sector is None:
            return f"{symbol} belongs to no sector that is known"
        value = measures.sector_value(book, sector)
    elif measure == "position_share":
        value = measures.position_value(book, symbol)
    elif measure == "gross_share":
        value = measures.gross(book)
    elif measure == "net_share":
        value = measures.net(book)
    else:
        value = measures.free_cash(book)
    return measures.share_of(value, book)


def _room(rule: Rule, most: Decimal, intent: OrderIntent, book: Book) -> Decimal | None:
    """Return the largest order that the rule leaves, in units; None where it asks nothing."""
    price, equity = book.prices[intent.symbol], max(book.equity, NONE)
    if rule.measure == "order_quantity":
        return most
    if rule.measure in ("order_value", "order_share"):
        return (most if rule.measure == "order_value" else most * equity) / price
    if rule.measure == "volume_share":
        median = None if book.rules.risk is None else book.rules.risk.median_volume(intent.symbol)
        return None if median is None else most * median - working_units(intent, book)
    if book.reduces(intent):
        return None
    cap = (most if rule.measure == "position_value" else most * equity) / price
    low, high = book.reach(intent.symbol)
    return cap - high if intent.side == "buy" else cap + low
