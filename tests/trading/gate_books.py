"""Books to hold the gate to: an account of whole prices without costs, and a past to judge by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np

from schemas.account import AccountMark, PositionMark
from schemas.execution import ExecutionModel, flat_costs
from schemas.orders import MARKET_DAY, Order, OrderStatus, Side, Terms
from schemas.risk import RiskLimits
from trading.gate import Book, Denial, Moment, RiskHistory, Rules, SessionRisk, check, open_book
from trading.orders import OrderIntent

FREE = flat_costs(commission="0", half_spread="0", slippage="0")
SESSION = date(2020, 3, 2)
NOON = datetime(2020, 3, 2, 12, 0, tzinfo=UTC)
PRICES = {"AAA": Decimal(10), "BBB": Decimal(50), "CCC": Decimal(20), "DDD": Decimal(100)}
TRADABLE = frozenset(PRICES)


def account(
    held: Mapping[str, str] | None = None,
    *,
    cash: str = "1000.00",
    prices: Mapping[str, Decimal] = PRICES,
) -> AccountMark:
    """An account of that cash and those units, at these prices."""
    marks: list[PositionMark] = []
    for symbol, units in (held or {}).items():
        value = (Decimal(units) * prices[symbol]).quantize(Decimal("0.01"))
        marks.append(
            PositionMark(
                symbol=symbol,
                quantity=Decimal(units),
                cost=value,
                price=prices[symbol],
                market_value=value,
            )
        )
    worth = sum((mark.market_value for mark in marks), Decimal("0.00"))
    return AccountMark(
        session=None,
        currency="USD",
        cash=Decimal(cash),
        market_value=worth,
        equity=Decimal(cash) + worth,
        positions=tuple(marks),
    )


def opened(
    limits: RiskLimits | None = None,
    held: Mapping[str, str] | None = None,
    orders: Iterable[Order] = (),
    *,
    cash: str = "1000.00",
    moment: Moment | None = None,
    risk: SessionRisk | None = None,
    execution: ExecutionModel = FREE,
) -> Book:
    """The book of such an account; equity is cash plus what is held."""
    rules = Rules(limits or RiskLimits(), execution, TRADABLE, risk=risk)
    return open_book(
        account(held, cash=cash),
        orders,
        prices=PRICES,
        rules=rules,
        moment=moment or Moment(session=SESSION),
    )


def wish(side: Side, units: str, symbol: str = "AAA", **terms: object) -> OrderIntent:
    """An intent; keywords are its terms."""
    asked = Terms.model_validate(terms) if terms else MARKET_DAY
    return OrderIntent(symbol, side, Decimal(units), asked)


def working(
    side: Side,
    units: str,
    symbol: str = "AAA",
    *,
    name: str = "one",
    status: OrderStatus = "accepted",
    filled: str = "0",
    session: date = SESSION,
    placed: datetime = NOON,
    **terms: object,
) -> Order:
    """An order as a broker tells it."""
    return Order(
        client_order_id=name,
        agent="tester",
        sequence=0,
        session=session,
        symbol=symbol,
        side=side,
        quantity=Decimal(units),
        terms=Terms.model_validate(terms) if terms else MARKET_DAY,
        reason="because",
        status=status,
        filled_quantity=Decimal(filled),
        placed_as_of=placed,
    )


def refused(intent: OrderIntent, book: Book) -> Denial:
    """The denial of an intent that has to be denied."""
    denial = check(intent, book)
    assert denial is not None
    return denial


def past(
    returns: Mapping[str, Iterable[float]], volumes: Mapping[str, float] | None = None
) -> SessionRisk:
    """A past of these returns, and of the same volume in every session."""
    symbols = tuple(returns)
    matrix = np.column_stack([np.asarray(list(returns[symbol])) for symbol in symbols])
    traded = np.full(matrix.shape, np.nan)
    for column, symbol in enumerate(symbols):
        if volumes and symbol in volumes:
            traded[:, column] = volumes[symbol]
    return SessionRisk(lambda: RiskHistory(symbols, matrix, traded))
