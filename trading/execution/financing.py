"""What money costs and brings by the day: interest on cash, on debt, and fees for borrowed units.

Simple interest by calendar day over 360 or 365, on what stood at the end of the session before; a
posting is rounded once, half-even, to the cent.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from schemas.account import AccountMark
from schemas.base import ZERO, plain, to_cents
from schemas.execution import Financing
from trading.account import CASH, AccountState
from trading.corporate_actions import PAYABLE, Booking
from trading.ledger import Movement

INTEREST = "income:interest"
INTEREST_PAID = "expenses:interest"
BORROW = "expenses:borrow"


class Financier:
    """Turns a mark and the days since into interest and fees."""

    def __init__(self, terms: Financing) -> None:
        self._terms = terms

    def interest(self, cash: Decimal, days: int) -> Decimal:
        """Return what cash earns in so many calendar days; below zero: what a debt costs."""
        terms = self._terms
        rate = terms.debit_rate_annual if cash < 0 else terms.cash_rate_annual
        return to_cents(cash * rate * days / terms.day_count)

    def borrow_fee(self, short_value: Decimal, days: int) -> Decimal:
        """Return the fee for units borrowed, worth so much (above zero)."""
        terms = self._terms
        return to_cents(short_value * terms.borrow_fee_annual * days / terms.day_count)

    def due(self, mark: AccountMark | None, session: date) -> tuple[Decimal, Decimal]:
        """Return interest and borrow fee of a session, for the days since an earlier mark."""
        if mark is None or mark.session is None:
            return ZERO, ZERO
        days = (session - mark.session).days
        short = -sum((one.market_value for one in mark.positions if one.quantity < 0), ZERO)
        return self.interest(mark.cash, days), self.borrow_fee(short, days)


def financing_of(
    state: AccountState, interest: Decimal, fee: Decimal, session: date
) -> tuple[Booking, ...]:
    """Return what books a session's interest (signed) and borrow fee; nothing for nothing.

    What the cash does not cover, without leverage, is owed from that session on.
    """
    until = f"to {session.isoformat()}"
    bookings: list[Booking] = []
    cash = state.cash
    if interest:
        account = INTEREST if interest > 0 else INTEREST_PAID
        moves = _moves(interest, None if state.terms.allow_leverage else cash, session)
        said = f"Interest of {plain(abs(interest))} {until}"
        bookings.append(Booking("interest", said, (*moves, Movement(account, -interest))))
        cash += sum((each.amount for each in moves if each.account == CASH), ZERO)
    if fee:
        moves = _moves(-fee, None if state.terms.allow_leverage else cash, session)
        said = f"Fee of {plain(fee)} for borrowed units {until}"
        bookings.append(Booking("borrow_fee", said, (*moves, Movement(BORROW, fee))))
    return tuple(bookings)


def _moves(amount: Decimal, cash: Decimal | None, session: date) -> tuple[Movement, ...]:
    """Return how an amount comes, or goes as far as the cash reaches and is owed for the rest."""
    paid = amount if amount > 0 or cash is None else -min(-amount, max(cash, ZERO))
    moves = (Movement(CASH, paid), Movement(f"{PAYABLE}{session.isoformat()}", amount - paid))
    return tuple(each for each in moves if each.amount)
