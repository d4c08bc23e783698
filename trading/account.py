"""What an account holds, as a value rebuilt from its ledger.

Accounts are those of `schemas/ledger.py`. Positions are kept by lot, at cost. A buy first closes
short lots, a sale first closes long ones; what is beyond opens a lot, and a sale may do so only
where shorts are allowed. What a closing brings (or takes) beside the cost of its lots is realised
income; commissions are expenses of their own. What corporate actions move is told in
`trading/corporate_actions.py`. All accounts together are always zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from schemas.account import AccountMark, PositionMark
from schemas.base import MILLIONTH, ZERO, to_cents, to_micro
from schemas.errors import InvalidRequest, LimitBreached, UntrustworthyData
from schemas.execution import LotMethod
from schemas.ledger import Entry, Transaction
from schemas.orders import Fill
from trading.ledger import POSITIONS, Movement
from trading.lots import Lot, Part, lot_id, new_lot, pick_lots, split_amount, with_lot

CASH = "assets:cash"
CAPITAL = "equity:capital"
REALISED = "income:realised"
DIVIDENDS = "income:dividends"
COMMISSION = "expenses:commission"
RECEIVABLE = "assets:receivable:"
LIABILITIES = "liabilities:"


@dataclass(frozen=True, slots=True)
class Holding:
    """The lots of one symbol, oldest first, and their sums; commissions are no part of the cost."""

    lots: tuple[Lot, ...] = ()
    quantity: Decimal = field(init=False)
    cost: Decimal = field(init=False)

    def __post_init__(self) -> None:
        """Sum up once; frozen, so by the back door that dataclasses leave."""
        object.__setattr__(self, "quantity", sum((lot.quantity for lot in self.lots), Decimal()))
        object.__setattr__(self, "cost", sum((lot.cost for lot in self.lots), ZERO))


@dataclass(frozen=True, slots=True)
class MarginTerms:
    """What an account may do beyond its own money and units."""

    allow_short: bool = False
    allow_leverage: bool = False


CASH_ACCOUNT = MarginTerms()


@dataclass(frozen=True, slots=True)
class LotValue:
    """One lot at a price; the values of a symbol's lots sum to the value of the holding."""

    symbol: str
    lot: Lot
    value: Decimal

    @property
    def unrealised(self) -> Decimal:
        """What closing it at the price would gain, before costs."""
        return self.value - self.lot.cost


@dataclass(frozen=True, slots=True)
class AccountState:
    """Balances of every account and the holdings; never changed, only followed by another."""

    currency: str
    balances: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    holdings: Mapping[str, Holding] = field(default_factory=dict[str, Holding])
    terms: MarginTerms = CASH_ACCOUNT
    sequence: int = 0
    """Of the next transaction: it names the lots that a fill opens."""

    @property
    def cash(self) -> Decimal:
        """Money at hand."""
        return self.balances.get(CASH, ZERO)

    @property
    def accrued(self) -> Decimal:
        """Money due to the account less money it owes."""
        return sum(
            (
                amount
                for account, amount in self.balances.items()
                if account.startswith((RECEIVABLE, LIABILITIES))
            ),
            ZERO,
        )

    def held(self, symbol: str) -> Decimal:
        """Return the units held, negative when short, zero when none."""
        holding = self.holdings.get(symbol)
        return holding.quantity if holding else Decimal()

    def apply(self, transaction: Transaction) -> AccountState:
        """Return the state after the transaction.

        `InvalidRequest` for another currency, or an entry that does not fit its lot;
        `LimitBreached` when cash falls below zero without leverage, or a lot is short where
        shorts are not allowed.
        """
        balances = dict(self.balances)
        moved: dict[str, list[Entry]] = {}
        for entry in transaction.entries:
            if entry.currency != self.currency:
                raise InvalidRequest(
                    f"the account is kept in {self.currency}; {entry.currency} cannot be mixed in"
                )
            balances[entry.account] = balances.get(entry.account, ZERO) + entry.amount
            if entry.account.startswith(POSITIONS):
                moved.setdefault(entry.account[len(POSITIONS) :], []).append(entry)
        holdings = dict(self.holdings)
        for symbol, entries in moved.items():
            after = _moved(holdings.get(symbol, Holding()), entries, transaction)
            self._refuse_short(symbol, after, transaction)
            if after.lots:
                holdings[symbol] = after
            else:
                del holdings[symbol]
        state = AccountState(
            self.currency, balances, holdings, self.terms, transaction.sequence + 1
        )
        if state.cash < 0 and not self.terms.allow_leverage:
            raise LimitBreached(
                f"{transaction.description!r} would take the cash to {state.cash} "
                f"{self.currency}; {self.cash} are at hand"
            )
        return state

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
        positions = [
            PositionMark(
                symbol=symbol,
                quantity=holding.quantity,
                cost=holding.cost,
                price=max(to_micro(price), MILLIONTH),
                market_value=to_cents(holding.quantity * price),
            )
            for symbol, holding, price in self._priced(prices)
        ]
        value = sum((position.market_value for position in positions), ZERO)
        accrued = self.accrued
        return AccountMark(
            session=session,
            currency=self.currency,
            cash=self.cash,
            market_value=value,
            accrued=accrued,
            equity=self.cash + value + accrued,
            positions=tuple(positions),
        )

    def lot_values(self, prices: Mapping[str, Decimal]) -> tuple[LotValue, ...]:
        """Value every lot at these prices, by symbol, oldest first; as `mark` does the whole."""
        found: list[LotValue] = []
        for symbol, holding, price in self._priced(prices):
            units, before = Decimal(), ZERO
            for lot in holding.lots:
                units += lot.quantity
                upto = to_cents(units * price)
                found.append(LotValue(symbol, lot, upto - before))
                before = upto
        return tuple(found)

    def _priced(self, prices: Mapping[str, Decimal]) -> Iterable[tuple[str, Holding, Decimal]]:
        for symbol in sorted(self.holdings):
            price = prices.get(symbol)
            if price is None:
                raise UntrustworthyData(f"{symbol} is held but has no price to value it at")
            yield symbol, self.holdings[symbol], price

    def _refuse_short(self, symbol: str, after: Holding, transaction: Transaction) -> None:
        if not self.terms.allow_short and any(lot.quantity < 0 for lot in after.lots):
            raise LimitBreached(
                f"{transaction.description!r} would take more {symbol} than is held"
            )


def _moved(holding: Holding, entries: Sequence[Entry], transaction: Transaction) -> Holding:
    """Return a holding after a transaction's entries on it; lots that are empty then are gone."""
    before = {lot.lot_id: lot for lot in holding.lots}
    lots = dict(before)
    for entry in entries:
        if entry.lot is None or entry.quantity is None:
            raise InvalidRequest(f"{transaction.description!r} moves a position without its lot")
        lot = lots.get(entry.lot)
        if lot is None:
            lots[entry.lot] = new_lot(entry.lot, entry.quantity, entry.amount)
        else:
            units, cost = lot.quantity + entry.quantity, lot.cost + entry.amount
            lots[entry.lot] = Lot(lot.lot_id, lot.opened, units, cost)
    for name in {str(entry.lot) for entry in entries}:
        _refuse_misfit(before.get(name), lots[name], transaction)
    left = tuple(lot for name, lot in lots.items() if lot.quantity and name in before)
    for name, lot in lots.items():
        if lot.quantity and name not in before:
            left = with_lot(left, lot)
    return Holding(left)


def _refuse_misfit(before: Lot | None, after: Lot, transaction: Transaction) -> None:
    if not after.quantity and after.cost:
        raise InvalidRequest(
            f"{transaction.description!r} empties lot {after.lot_id} and leaves {after.cost} of it"
        )
    if before is not None and before.quantity * after.quantity < 0:
        raise InvalidRequest(
            f"{transaction.description!r} takes more of lot {after.lot_id} than there is"
        )


@dataclass(frozen=True, slots=True)
class Closing:
    """One lot closed by a fill, wholly or in part."""

    part: Part
    proceeds: Decimal
    """What it brought, before commission; what a short lot took to buy back, as a negative."""
    commission: Decimal

    @property
    def gain(self) -> Decimal:
        """What it gained: proceeds less commission less cost."""
        return self.proceeds - self.commission - self.part.cost


@dataclass(frozen=True, slots=True)
class Matched:
    """What a fill does to a position: lots closed, then units opened for the amount left."""

    closed: tuple[Closing, ...]
    opened: Decimal
    """Signed units; zero when it only closes."""
    cost: Decimal
    """Of the units opened, signed as they are."""

    @property
    def gain(self) -> Decimal | None:
        """What the closings gained; None when there are none."""
        return sum((each.gain for each in self.closed), ZERO) if self.closed else None


def match_lots(
    fill: Fill, state: AccountState, *, method: LotMethod = "fifo", chosen: Sequence[str] = ()
) -> Matched:
    """Match a fill with the lots it closes; `state` is the account just before it.

    Amount and commission are shared by units, in the order of closing, what is opened last.
    `InvalidRequest` for a chosen lot that is not there to be closed.
    """
    sign = 1 if fill.side == "buy" else -1
    lots = state.holdings.get(fill.symbol, Holding()).lots
    against = [lot for lot in lots if lot.quantity * sign < 0]
    parts = pick_lots(against, fill.quantity, method=method, chosen=chosen)
    units = [abs(part.quantity) for part in parts]
    rest = fill.quantity - sum(units, Decimal())
    weights = [*units, rest] if rest else units
    amounts = list(split_amount(fill.amount, weights))
    fees = split_amount(fill.commission, weights)
    closed = tuple(
        Closing(part, -sign * amount, fee)
        for part, amount, fee in zip(parts, amounts, fees, strict=False)
    )
    return Matched(closed, sign * rest, sign * amounts[-1] if rest else ZERO)


def realised_gain(
    fill: Fill, state: AccountState, *, method: LotMethod = "fifo", chosen: Sequence[str] = ()
) -> Decimal | None:
    """Return what a fill realises: proceeds less commission less cost of the lots it closes.

    None when it closes none. Of a fill that closes and opens, the closing's share counts. Lot by
    lot it is `match_lots(...).closed`.
    """
    return match_lots(fill, state, method=method, chosen=chosen).gain


def movements_of(
    fill: Fill,
    state: AccountState,
    *,
    method: LotMethod = "fifo",
    chosen: Sequence[str] = (),
    lot: str | None = None,
) -> tuple[Movement, ...]:
    """Return the entries of a fill, one a lot it closes or opens; `state` is just before it.

    What it opens is the lot named `lot`: by default that of the ledger's next transaction. A fill
    without commission, or without gain or loss, has no entry for it.
    """
    matched = match_lots(fill, state, method=method, chosen=chosen)
    position, symbol = POSITIONS + fill.symbol, fill.symbol
    moves = [
        Movement(position, -part.cost, symbol, -part.quantity, part.lot.lot_id)
        for part in (each.part for each in matched.closed)
    ]
    if matched.opened:
        name = lot or lot_id(fill.session, state.sequence)
        moves.append(Movement(position, matched.cost, symbol, matched.opened, name))
    cash = -fill.amount if fill.side == "buy" else fill.amount
    moves.append(Movement(CASH, cash - fill.commission))
    gain = sum((each.proceeds - each.part.cost for each in matched.closed), ZERO)
    if gain:
        moves.append(Movement(REALISED, -gain))
    if fill.commission:
        moves.append(Movement(COMMISSION, fill.commission))
    return tuple(moves)
