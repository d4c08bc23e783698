"""A trading account as it is shown and stored at a moment."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from schemas.base import ZERO, Message, Money, Price, Quantity, Symbol


class PositionMark(Message):
    """One holding, valued."""

    symbol: Symbol
    quantity: Quantity = Field(description="negative: short")
    cost: Money = Field(description="what the units cost, commissions excluded; short: negative")
    price: Price = Field(description="the last known close")
    market_value: Money


class LotMark(Message):
    """One lot of a holding, valued; the lots of a symbol sum to its position."""

    lot_id: str = Field(max_length=40)
    opened: date = Field(description="the session that opened it")
    quantity: Quantity = Field(description="negative: short")
    cost: Money = Field(description="commissions excluded; short: negative")
    market_value: Money = Field(description="at the last known close")


class AccountMark(Message):
    """The account valued at a session's closes; equity = cash + market value + accrued."""

    session: date | None = Field(description="the session of the closes; None before the first")
    currency: str
    cash: Money
    market_value: Money = Field(description="short positions count as negative")
    accrued: Money = Field(
        default=ZERO, description="receivables (dividends to be paid) less payables"
    )
    equity: Money
    positions: tuple[PositionMark, ...] = ()
