"""What corporate actions do to an account's positions: ledger transactions to be.

An action is booked when it takes effect, before anything is traded, lot by lot: lots keep their ids
and so their dates. Units and cost change, the account's value does not, by more than a cent a
holding: what a split takes from the price it gives in units, what an ex-date takes from the price a
dividend gives in money. Amounts are rounded once, half-even, to the cent, from the exact product.

A dividend whose pay date lies after its ex-date is due on `assets:receivable:PAYDATE` until then;
one without is cash at once. Whoever is short owes: dividends, the cash of a buy-out, and what a
fraction of a unit is worth. That is always entered on `liabilities:payable:DATE` (the pay date, or
the ex-date) and paid by `payments_due` as far as the cash reaches, so that an obligation is never
refused for want of cash; what stays owed counts against equity and is due again every session.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from schemas.base import ZERO, plain
from schemas.facts import CorporateAction
from schemas.ledger import Transaction, TransactionKind
from trading.account import CASH, DIVIDENDS, REALISED, RECEIVABLE, AccountState, Holding
from trading.ledger import POSITIONS, Movement
from trading.lots import Lot, cents, share_of, units_text

PAYABLE = "liabilities:payable:"
DIVIDENDS_OWED = "expenses:dividends"

Applied = tuple[str, CorporateAction]
"""An action that took effect, with the ticker its instrument had before it."""

ACTION_KINDS: frozenset[TransactionKind] = frozenset(
    {"split", "dividend", "symbol_change", "merger", "delisting"}
)
"""Transactions that corporate actions make: money in them was earned, not put in."""

LATE_SESSIONS = 64
"""How far back it is remembered what was held, for actions that become known late."""

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Stake:
    """What an action finds: a holding, what of it the action counts for, and two conventions."""

    symbol: str
    holding: Holding
    entitled: Holding
    """All of the holding, unless the action became known late: `PastHoldings.entitled`."""
    price: Decimal
    """Of one unit after the action; only fractions left by a split are paid at it."""
    step: Decimal
    """The smallest part of a unit that can be held: 1, or a millionth."""


@dataclass(frozen=True, slots=True)
class Booking:
    """A transaction to be appended."""

    kind: TransactionKind
    description: str
    movements: tuple[Movement, ...]


def book_action(action: CorporateAction, stake: Stake) -> Booking | None:
    """Return the transaction of an action, or None when it moves nothing.

    A delisting for which no cash is known moves nothing: the holding keeps its last close and can
    be traded no more. A dividend that comes to less than half a cent is none.
    """
    if action.ratio is not None:
        return _split(action, stake)
    if action.kind == "ticker_change":
        return _renamed(action, stake)
    if action.cash is None:
        return None
    if action.kind == "cash_dividend":
        return _dividend(action, action.cash, stake)
    return _cashed(action, action.cash, stake)


def payments_due(state: AccountState, session: date) -> tuple[Booking, ...]:
    """Return what is paid by that session's open: what came due until then, oldest first.

    To be asked once the session's actions are booked. Money comes in before any goes out; without
    leverage no more goes out than is at hand, and the rest stays owed.
    """
    due = sorted(
        (account, amount)
        for account, amount in state.balances.items()
        if amount
        and account.startswith((RECEIVABLE, PAYABLE))
        and date.fromisoformat(account.rpartition(":")[2]) <= session
    )
    bookings: list[Booking] = []
    cash = state.cash
    for account, amount in due:
        day = account.rpartition(":")[2]
        if account.startswith(RECEIVABLE):
            said = f"Payment of what was due on {day}"
        else:
            said = f"Payment of what was owed on {day}"
            if not state.terms.allow_leverage:
                amount = -min(-amount, max(cash, ZERO))  # noqa: PLW2901 - what of it can be paid
        if amount:
            cash += amount
            moves = (Movement(CASH, amount), Movement(account, -amount))
            bookings.append(Booking("payment", said, moves))
    return tuple(bookings)


def price_after(rest: Sequence[CorporateAction], session: date, close: Decimal) -> Decimal:
    """Return a unit's price before the later actions `rest` of its instrument.

    `close` is the last close after all of them, made in `session`; those with an ex-date up to that
    session are in the price as it was traded.
    """
    price = close
    for later in reversed(rest):
        if later.ex_date <= session:
            continue
        if later.new_units is not None and later.old_units is not None:
            price = price * later.new_units / later.old_units
        elif later.kind == "cash_dividend" and later.cash is not None:
            price += later.cash
    return price


class PastHoldings:
    """What was held at the end of the last `LATE_SESSIONS` sessions.

    It answers what an action counts for that became known after its ex-date.
    """

    def __init__(self) -> None:
        self._ends: deque[tuple[date, Mapping[str, Holding]]] = deque(maxlen=LATE_SESSIONS)

    def remember(self, session: date, holdings: Mapping[str, Holding]) -> None:
        """Note what is held at the end of a session."""
        self._ends.append((session, holdings))

    def follow(self, transaction: Transaction) -> None:
        """Call what was held by the new ticker that a transaction gave it."""
        if transaction.kind != "symbol_change":
            return
        old, new = (str(transaction.entries[place].symbol) for place in (0, -1))
        ends = [
            (session, {new if name == old else name: holding for name, holding in held.items()})
            for session, held in self._ends
        ]
        self._ends = deque(ends, maxlen=LATE_SESSIONS)

    def entitled(self, applied: Applied, holding: Holding) -> Holding:
        """Return what an action counts for, `holding` being what there is at present.

        All of it, unless it became known only after its ex-date: then a dividend is due on what
        was held before it, whatever became of that, and a split counts for the units of each lot
        that have been held ever since, as what was bought later was bought in new units.
        """
        symbol, action = applied
        if not self._ends or self._ends[-1][0] < action.ex_date:
            return holding
        ends = [(session, each.get(symbol, Holding())) for session, each in self._ends]
        before = [each for session, each in ends if session < action.ex_date]
        forgotten = len(self._ends) == LATE_SESSIONS
        base = before[-1] if before else ends[0][1] if forgotten else Holding()
        if action.kind == "cash_dividend":
            return base
        if action.ratio is None:
            return holding
        since = [base, *(each for session, each in ends if session >= action.ex_date)]
        return _always_held(holding, since)


def _always_held(holding: Holding, since: Sequence[Holding]) -> Holding:
    """Return the units of each lot that all of the holdings had, with their share of the cost."""
    units = [{lot.lot_id: lot.quantity for lot in each.lots} for each in since]
    kept: list[Lot] = []
    for lot in holding.lots:
        least = min((lot.quantity, *(each.get(lot.lot_id, Decimal()) for each in units)), key=abs)
        if least:
            kept.append(Lot(lot.lot_id, lot.opened, least, share_of(lot.cost, least, lot.quantity)))
    return Holding(tuple(kept))


def _split(action: CorporateAction, stake: Stake) -> Booking:
    new, old = action.new_units or Decimal(1), action.old_units or Decimal(1)
    ratio = Fraction(new) / Fraction(old)
    movements: list[Movement] = []
    left, paid, units = ZERO, ZERO, Decimal()
    for lots in _sides(stake.entitled):
        restated, fraction = _restate(lots, ratio, stake.step)
        for lot, after in zip(lots, restated, strict=True):
            movements += _replaced(stake.symbol, lot, after)
            left += lot.cost - after.cost
            units += after.quantity
        paid += _money(movements, fraction * Fraction(stake.price), action.ex_date)
    if left != paid:
        movements.append(Movement(REALISED, left - paid))
    elif len(movements) == 1:  # nothing became of a lot that had cost nothing
        movements.append(Movement(CASH, ZERO))
    name = "Split" if action.kind == "split" else "Stock dividend"
    said = f"{name} {plain(new)}:{plain(old)}: {units_text(stake.entitled.quantity)} "
    said += f"{stake.symbol} became {units_text(units) if units else 'none'}"
    if paid:
        said += f", and {plain(paid)} in cash for the fraction"
    return Booking("split", said, tuple(movements))


def _restate(
    lots: Sequence[Lot], ratio: Fraction, step: Decimal
) -> tuple[tuple[Lot, ...], Fraction]:
    """Return lots of one sign after a split, and the signed units that cannot be held.

    Those leave the oldest lots, with their share of the cost. The lots' units are cut to millionths
    so that they sum to the position's.
    """
    sign = 1 if lots[0].quantity > 0 else -1
    exact = [abs(Fraction(lot.quantity)) * ratio for lot in lots]
    whole = sum(exact, Fraction())
    kept = whole // Fraction(step) * Fraction(step)
    reached, placed = Fraction(), Fraction()
    found: list[Lot] = []
    for lot, units in zip(reversed(lots), reversed(exact), strict=True):
        reached += units
        upto = min(Fraction(reached * _MILLION // 1, _MILLION), kept)
        after, placed = upto - placed, upto
        kept_cost = lot.cost - cents(Fraction(lot.cost) * max(units - after, Fraction()) / units)
        count = Decimal(int(sign * after * _MILLION)).scaleb(-6)
        found.append(Lot(lot.lot_id, lot.opened, count, kept_cost if count else ZERO))
    return tuple(reversed(found)), sign * (whole - kept)


def _dividend(action: CorporateAction, cash: Decimal, stake: Stake) -> Booking | None:
    units = stake.entitled.quantity
    amount = cents(Fraction(units) * Fraction(cash))
    if not amount:
        return None
    said = f"Dividend on {units_text(units)} {stake.symbol}, {plain(cash)} a unit"
    day = action.ex_date
    if action.pay_date is not None and action.pay_date > day:
        day = action.pay_date
        said += f", paid on {day}"
    if amount < 0:
        account, other = f"{PAYABLE}{day}", DIVIDENDS_OWED
    else:
        account, other = CASH if day == action.ex_date else f"{RECEIVABLE}{day}", DIVIDENDS
    return Booking(
        "dividend", said, (Movement(account, amount), Movement(other, -amount, stake.symbol))
    )


def _renamed(action: CorporateAction, stake: Stake) -> Booking:
    new, holding = str(action.new_symbol), stake.holding
    movements = (
        *(_moved(stake.symbol, lot, -1) for lot in holding.lots),
        *(_moved(new, lot, 1) for lot in holding.lots),
    )
    said = f"{stake.symbol} is called {new} now: {units_text(holding.quantity)} units"
    return Booking("symbol_change", said, movements)


def _cashed(action: CorporateAction, cash: Decimal, stake: Stake) -> Booking:
    holding, symbol = stake.holding, stake.symbol
    movements = [_moved(symbol, lot, -1) for lot in holding.lots]
    paid = ZERO
    for lots in _sides(holding):
        units = sum((lot.quantity for lot in lots), Decimal())
        paid += _money(movements, Fraction(units) * Fraction(cash), action.ex_date)
    if paid != holding.cost:
        movements.append(Movement(REALISED, holding.cost - paid))
    elif len(movements) == 1:
        movements.append(Movement(CASH, ZERO))
    merged = action.kind == "cash_merger"
    how = "bought out" if merged else "delisted"
    said = f"{units_text(holding.quantity)} {symbol} {how} for cash, {plain(cash)} a unit"
    return Booking("merger" if merged else "delisting", said, tuple(movements))


def _sides(holding: Holding) -> tuple[tuple[Lot, ...], ...]:
    """Return the long lots and the short ones, each if there are any."""
    sides = (
        tuple(lot for lot in holding.lots if lot.quantity > 0),
        tuple(lot for lot in holding.lots if lot.quantity < 0),
    )
    return tuple(side for side in sides if side)


def _money(movements: list[Movement], exact: Fraction, day: date) -> Decimal:
    """Add the entry of money that comes, or is owed from that day on; return it in cents."""
    paid = cents(exact)
    if paid:
        movements.append(Movement(CASH if paid > 0 else f"{PAYABLE}{day}", paid))
    return paid


def _moved(symbol: str, lot: Lot, sign: int) -> Movement:
    return Movement(POSITIONS + symbol, sign * lot.cost, symbol, sign * lot.quantity, lot.lot_id)


def _replaced(symbol: str, lot: Lot, after: Lot) -> list[Movement]:
    moves = [_moved(symbol, lot, -1)]
    return [*moves, _moved(symbol, after, 1)] if after.quantity else moves
