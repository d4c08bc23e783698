"""What an account holds, as a value rebuilt from its ledger.

Accounts are those of `schemas/ledger.py`. A buy moves its amount from cash into the position, at
cost, and its commission from cash into expenses. A sell brings cash its amount less commission,
takes the average cost of the units sold out of the position, and leaves the difference as realised
income. What corporate actions move is told in `trading/corporate_actions.py`. All accounts
together are always zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from schemas.account import AccountMark, PositionMark
from schemas.base import MILLIONTH, ZERO, to_cents, to_micro
from schemas.errors import InvalidRequest, LimitBreached, UntrustworthyData
from schemas.ledger import Transaction
from schemas.orders import Fill
from trading.ledger import Movement

CASH = "assets:cash"
CAPITAL = "equity:capital"
REALISED = "income:realised"
DIVIDENDS = "income:dividends"
COMMISSION = "expenses:commission"
POSITIONS = "assets:positions:"


@dataclass(frozen=True, slots=True)
class Holding:
    """Units of one symbol and what they cost, commissions excluded."""

    quantity: Decimal
    cost: Decimal

    def cost_of(self, quantity: Decimal) -> Decimal:
        """Return the average cost of that many of the units; of all of them, the whole cost."""
        if quantity == self.quantity:
            return self.cost
        return to_cents(self.cost * quantity / self.quantity)


@dataclass(frozen=True, slots=True)
class AccountState:
    """Balances of every account and the holdings; never changed, only followed by another."""

    currency: str
    balances: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    holdings: Mapping[str, Holding] = field(default_factory=dict[str, Holding])

    @property
    def cash(self) -> Decimal:
        """Money at hand."""
        return self.balances.get(CASH, ZERO)

    def held(self, symbol: str) -> Decimal:
        """Return the units held, zero when none."""
        holding = self.holdings.get(symbol)
        return holding.quantity if holding else Decimal()

    def apply(self, transaction: Transaction) -> AccountState:
        """Return the state after the transaction.

        `InvalidRequest` for another currency; `LimitBreached` when cash or a holding would fall
        below zero.
        """
        balances = dict(self.balances)
        holdings = dict(self.holdings)
        for entry in transaction.entries:
            if entry.currency != self.currency:
                raise InvalidRequest(
                    f"the account is kept in {self.currency}; {entry.currency} cannot be mixed in"
                )
            balances[entry.account] = balances.get(entry.account, ZERO) + entry.amount
            if entry.symbol is not None and entry.quantity is not None:
                old = holdings.get(entry.symbol, Holding(Decimal(), ZERO))
                holdings[entry.symbol] = Holding(
                    old.quantity + entry.quantity, old.cost + entry.amount
                )
        after = AccountState(self.currency, balances, holdings)
        self._refuse_negative(after, transaction)
        for entry in transaction.entries:
            if entry.symbol in holdings and not holdings[entry.symbol].quantity:
                del holdings[entry.symbol]
        return after

    def apply_all(self, transactions: Iterable[Transaction]) -> AccountState:
        """Return the state after all of the transactions, in order."""
        state = self
        for transaction in transactions:
            state = state.apply(transaction)
        return state

    def mark(self, session: date | None, prices: Mapping[str, Decimal]) -> AccountMark:
        """Value the account at these prices; each holding's value is rounded to the cent.

        Values are of the price as given; the price shown has six places, which after a 3:1
        split may be cents in a large holding. `UntrustworthyData` when a held symbol has no
        price.
        """
        positions: list[PositionMark] = []
        total = ZERO
        for symbol in sorted(self.holdings):
            holding = self.holdings[symbol]
            price = prices.get(symbol)
            if price is None:
                raise UntrustworthyData(f"{symbol} is held but has no price to value it at")
            value = to_cents(holding.quantity * price)
            total += value
            positions.append(
                PositionMark(
                    symbol=symbol,
                    quantity=holding.quantity,
                    cost=holding.cost,
                    price=max(to_micro(price), MILLIONTH),
                    market_value=value,
                )
            )
        return AccountMark(
            session=session,
            currency=self.currency,
            cash=self.cash,
            market_value=total,
            equity=self.cash + total,
            positions=tuple(positions),
        )

    def _refuse_negative(self, after: AccountState, transaction: Transaction) -> None:
        if after.cash < 0:
            raise LimitBreached(
                f"{transaction.description!r} would take the cash to {after.cash} "
                f"{self.currency}; {self.cash} are at hand"
            )
        for entry in transaction.entries:
            if entry.symbol is not None and after.held(entry.symbol) < 0:
                raise LimitBreached(
                    f"{transaction.description!r} would take more {entry.symbol} than is held"
                )


def movements_of(fill: Fill, state: AccountState) -> tuple[Movement, ...]:
    """Return the entries of a fill; `state` is the account just before it.

    A fill without commission, or without gain or loss, has no entry for it.
    """
    position = POSITIONS + fill.symbol
    if fill.side == "buy":
        moves = [
            Movement(position, fill.amount, fill.symbol, fill.quantity),
            Movement(CASH, -fill.amount - fill.commission),
        ]
    else:
        cost = state.holdings[fill.symbol].cost_of(fill.quantity)
        moves = [
            Movement(position, -cost, fill.symbol, -fill.quantity),
            Movement(CASH, fill.amount - fill.commission),
        ]
        if fill.amount != cost:
            moves.append(Movement(REALISED, cost - fill.amount))
    if fill.commission:
        moves.append(Movement(COMMISSION, fill.commission))
    return tuple(moves)
