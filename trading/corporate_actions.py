"""What corporate actions do to an account's positions: ledger transactions to be.

An action is booked when it takes effect, before anything is traded. Units and cost of a holding
change, the account's value does not, by more than a cent a holding: what a split takes from the
price it gives in units, what an ex-date takes from the price a dividend gives in cash. Amounts are
rounded once, half-even, to the cent, from the exact product.
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
from trading.account import CASH, DIVIDENDS, POSITIONS, REALISED, Holding
from trading.ledger import Movement

Applied = tuple[str, CorporateAction]
"""An action that took effect, with the ticker its instrument had before it."""

ACTION_KINDS: frozenset[TransactionKind] = frozenset(
    {"split", "dividend", "symbol_change", "merger", "delisting"}
)
"""Transactions that corporate actions make: money in them was earned, not put in."""

LATE_SESSIONS = 64
"""How far back it is remembered what was held, for actions that become known late."""


@dataclass(frozen=True, slots=True)
class Stake:
    """What an action finds: a holding, how many of its units it counts for, and two conventions."""

    symbol: str
    holding: Holding
    entitled: Decimal
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
        return _dividend(action.cash, stake)
    return _cashed(action, action.cash, stake)


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

    It answers how many units an action counts for that became known after its ex-date.
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
        old, new = (str(entry.symbol) for entry in transaction.entries)
        ends = [
            (session, {new if name == old else name: holding for name, holding in held.items()})
            for session, held in self._ends
        ]
        self._ends = deque(ends, maxlen=LATE_SESSIONS)

    def entitled(self, applied: Applied, held: Decimal) -> Decimal:
        """Return the units an action counts for, `held` being those at present.

        All of them, unless it became known only after its ex-date: then a dividend is due on what
        was held before it, whatever became of that, and a split counts for what has been held ever
        since, as what was bought later was bought in new units.
        """
        symbol, action = applied
        if not self._ends or self._ends[-1][0] < action.ex_date:
            return held
        units = [
            (session, each[symbol].quantity if symbol in each else Decimal())
            for session, each in self._ends
        ]
        before = [quantity for session, quantity in units if session < action.ex_date]
        forgotten = len(self._ends) == LATE_SESSIONS
        base = before[-1] if before else units[0][1] if forgotten else Decimal()
        if action.kind == "cash_dividend":
            return base
        if action.ratio is None:
            return held
        return min(base, held, *(each for session, each in units if session >= action.ex_date))


def _split(action: CorporateAction, stake: Stake) -> Booking | None:
    new, old = action.new_units or Decimal(1), action.old_units or Decimal(1)
    exact = Fraction(stake.entitled) * Fraction(new) / Fraction(old)
    kept = exact // Fraction(stake.step) * Fraction(stake.step)
    units = (Decimal(kept.numerator) / Decimal(kept.denominator)) if kept else Decimal()
    rest = exact - kept
    cost = stake.holding.cost_of(stake.entitled)
    lost = _cents(Fraction(cost) * rest / exact) if units else cost
    paid = _cents(rest * Fraction(stake.price))
    position = POSITIONS + stake.symbol
    movements = [Movement(position, -cost, stake.symbol, -stake.entitled)]
    if units:
        movements.append(Movement(position, cost - lost, stake.symbol, units))
    if paid or not units:
        movements.append(Movement(CASH, paid))
    if lost != paid:
        movements.append(Movement(REALISED, lost - paid))
    name = "Split" if action.kind == "split" else "Stock dividend"
    said = f"{name} {plain(new)}:{plain(old)}: {plain(stake.entitled)} {stake.symbol} became "
    said += plain(units) if units else "none"
    if paid:
        said += f", and {plain(paid)} in cash for the fraction"
    return Booking("split", said, tuple(movements))


def _dividend(cash: Decimal, stake: Stake) -> Booking | None:
    paid = _cents(Fraction(stake.entitled) * Fraction(cash))
    if not paid:
        return None
    said = f"Dividend on {plain(stake.entitled)} {stake.symbol}, {plain(cash)} a unit"
    income = Movement(DIVIDENDS, -paid, stake.symbol)
    return Booking("dividend", said, (Movement(CASH, paid), income))


def _renamed(action: CorporateAction, stake: Stake) -> Booking:
    new, holding = str(action.new_symbol), stake.holding
    movements = (
        Movement(POSITIONS + stake.symbol, -holding.cost, stake.symbol, -holding.quantity),
        Movement(POSITIONS + new, holding.cost, new, holding.quantity),
    )
    said = f"{stake.symbol} is called {new} now: {plain(holding.quantity)} units"
    return Booking("symbol_change", said, movements)


def _cashed(action: CorporateAction, cash: Decimal, stake: Stake) -> Booking:
    holding, symbol = stake.holding, stake.symbol
    paid = _cents(Fraction(holding.quantity) * Fraction(cash))
    movements = [
        Movement(POSITIONS + symbol, -holding.cost, symbol, -holding.quantity),
        Movement(CASH, paid),
    ]
    if paid != holding.cost:
        movements.append(Movement(REALISED, holding.cost - paid))
    merged = action.kind == "cash_merger"
    how = "bought out" if merged else "delisted"
    said = f"{plain(holding.quantity)} {symbol} {how} for cash, {plain(cash)} a unit"
    return Booking("merger" if merged else "delisting", said, tuple(movements))


def _cents(value: Fraction) -> Decimal:
    cents = round(value * 100)  # half-even
    return Decimal(cents).scaleb(-2) if cents else ZERO
