"""An account with AAA at 10 and BBB at 50, as the gate sees it."""

from __future__ import annotations

from decimal import Decimal

from schemas.account import AccountMark, PositionMark
from schemas.execution import ExecutionModel, flat_costs
from schemas.risk import RiskLimits
from trading.gate import Book, Rules, open_book

FREE = flat_costs(commission="0", half_spread="0", slippage="0")
PRICES = {"AAA": Decimal(10), "BBB": Decimal(50)}


def book(
    limits: RiskLimits | None = None,
    execution: ExecutionModel = FREE,
    *,
    cash: str = "1000.00",
    held: str = "20",
) -> Book:
    """Open a book that holds so many units of AAA; negative: short."""
    value = Decimal(held) * 10
    positions = ()
    if Decimal(held):
        mark = PositionMark(
            symbol="AAA", quantity=Decimal(held), cost=value, price=Decimal(10), market_value=value
        )
        positions = (mark,)
    account = AccountMark(
        session=None,
        currency="USD",
        cash=Decimal(cash),
        market_value=value,
        equity=Decimal(cash) + value,
        positions=positions,
    )
    rules = Rules(limits or RiskLimits(), execution, frozenset({"AAA", "BBB", "LATE"}))
    return open_book(account, (), prices=PRICES, rules=rules)
