"""The account is its ledger: balanced at every step, and the same when rebuilt."""

from __future__ import annotations

from collections import deque
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.base import ZERO, to_cents
from schemas.errors import InvalidRequest, LimitBreached, UntrustworthyData
from schemas.execution import LotMethod
from schemas.facts import CorporateAction
from schemas.ledger import Transaction
from schemas.orders import Side
from tests.trading.books import DAY, Books, fill, flipped
from trading.account import (
    CAPITAL,
    CASH,
    COMMISSION,
    DIVIDENDS,
    POSITIONS,
    REALISED,
    AccountState,
    Holding,
    MarginTerms,
    match_lots,
    movements_of,
    realised_gain,
)
from trading.corporate_actions import DIVIDENDS_OWED, Stake, book_action, payments_due
from trading.ledger import Heading, Movement, append, verify
from trading.lots import lot_id

CENT = Decimal("0.01")
STEP = Decimal("0.000001")
SYMBOLS = ("AAA", "BBB")
PRICES = st.decimals("0.01", "900", places=6)
AMOUNTS = st.decimals("0.01", "9000", places=2)
METHODS: list[LotMethod] = ["fifo", "lifo", "highest_cost", "specific"]
MARGIN = MarginTerms(allow_short=True, allow_leverage=True)


class Bookkeeping(RuleBasedStateMachine):
    """Everything an account can meet, in any order, on two symbols, with a second count beside it.

    The second count knows no lots: it adds up what came in, what was earned and what was paid.
    """

    @initialize(short=st.booleans(), leverage=st.booleans())
    def start(self, *, short: bool, leverage: bool) -> None:
        self.terms = MarginTerms(allow_short=short, allow_leverage=leverage)
        self.books = Books(terms=self.terms)
        self.day = DAY
        self.price = dict.fromkeys(SYMBOLS, Decimal(10))
        self.earned = self.put_in = self.fees = ZERO
        self.gains = ZERO
        self.owed_to_models = ZERO
        self.deposit(Decimal("5000.00"))

    @property
    def state(self) -> AccountState:
        return self.books.state

    @rule(amount=AMOUNTS)
    def deposit(self, amount: Decimal) -> None:
        self.books.flow(CAPITAL, amount, day=self.day)
        self.put_in += amount

    @rule(amount=AMOUNTS)
    def draw_on_the_loan(self, amount: Decimal) -> None:
        # 60 % into the fund, 40 % to the borrower, one transaction.
        paid_out = to_cents(amount * 2 / 5)
        moves = (
            Movement("loan:principal", amount),
            Movement("lender:funding", -amount),
            Movement(CASH, amount - paid_out),
            Movement("borrower:paid_out", paid_out - amount),
        )
        self.books.enter(moves, "disbursement", self.day)
        self.put_in += amount - paid_out

    @rule(share=st.decimals("0", "1.2", places=2))
    def pay_an_instalment_from_the_fund(self, share: Decimal) -> None:
        amount = to_cents(max(self.state.cash, ZERO) * share)
        if amount <= self.state.cash or self.terms.allow_leverage:
            self.books.flow("loan:principal", -amount, "instalment", self.day)
            self.put_in -= amount
            return
        before = self.state
        with pytest.raises(LimitBreached, match="would take the cash"):
            self.books.flow("loan:principal", -amount, "instalment", self.day)
        assert self.state is before

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        side=st.sampled_from(["buy", "sell"]),
        units=st.decimals("0.000001", "300", places=6),
        price=PRICES,
        bps=st.sampled_from(["0", "2.5", "100"]),
        method=st.sampled_from(METHODS),
        pieces=st.integers(1, 3),
        name_lots=st.booleans(),
    )
    def trade(
        self,
        symbol: str,
        side: Side,
        units: Decimal,
        price: Decimal,
        bps: str,
        method: LotMethod,
        pieces: int,
        *,
        name_lots: bool,
    ) -> None:
        """One order, filled in pieces; what the account may not do changes nothing."""
        self.price[symbol] = price
        for n in range(pieces):
            part = (units / pieces).quantize(STEP) if n else units / pieces
            part = max(part.quantize(STEP), STEP)
            fee = to_cents(part * price * Decimal(bps) / 10_000)
            made = fill(side, part, price, commission=fee, symbol=symbol, session=self.day)
            lots = self.state.holdings.get(symbol, Holding()).lots
            against = [lot for lot in lots if (lot.quantity > 0) is (side == "sell")]
            chosen = [against[-1].lot_id] if name_lots and against else []
            how: dict[str, Any] = {"method": method, "chosen": chosen}
            gain = realised_gain(made, self.state, **how)
            matched = match_lots(made, self.state, **how)
            before = self.state
            try:
                self.books.enter(movements_of(made, self.state, **how), "trade", self.day)
            except LimitBreached:
                assert self.state is before
                assert not (self.terms.allow_short and self.terms.allow_leverage)
                return
            self.fees += fee
            closing_fee = sum((each.commission for each in matched.closed), ZERO)
            self.gains += ZERO if gain is None else gain + closing_fee
            assert gain is None or (side == "buy") == (matched.closed[0].part.quantity < 0)
            assert matched.opened == 0 or abs(matched.opened) <= part

    @rule(symbol=st.sampled_from(SYMBOLS), ratio=st.sampled_from(["2:1", "1:10", "3:2", "7:3"]),
          whole=st.booleans())  # fmt: skip
    def split(self, symbol: str, ratio: str, *, whole: bool) -> None:
        new, old = map(Decimal, ratio.split(":"))
        self.act(symbol, "split", new_units=new, old_units=old, whole=whole)

    @rule(symbol=st.sampled_from(SYMBOLS), share=st.decimals("0.001", "0.5", places=3),
          wait=st.one_of(st.none(), st.integers(-2, 30)))  # fmt: skip
    def dividend(self, symbol: str, share: Decimal, wait: int | None) -> None:
        cash = max((self.price[symbol] * share).quantize(STEP), STEP)
        paid = None if wait is None else self.day + timedelta(days=wait)
        self.act(symbol, "cash_dividend", cash=cash, pay_date=paid)

    @rule(symbol=st.sampled_from(SYMBOLS), times=st.sampled_from(["0", "0.9", "1"]),
          kind=st.sampled_from(["cash_merger", "delisting"]))  # fmt: skip
    def buy_out(self, symbol: str, times: str, kind: str) -> None:
        cash = (self.price[symbol] * Decimal(times)).quantize(STEP)
        self.price[symbol] = max(cash, STEP)
        self.act(symbol, kind, cash=cash)

    def act(self, symbol: str, kind: str, *, whole: bool = False, **terms: Any) -> None:
        """Book an action, and move the price as it would; the value stays."""
        holding = self.state.holdings.get(symbol)
        if holding is None:
            return
        action = CorporateAction.model_validate(
            {
                "known_time": "2019-01-01T00:00:00Z",
                "stored_time": "2019-01-01T00:00:00Z",
                "provider": "test",
                "action_id": "x",
                "instrument": symbol,
                "kind": kind,
                "ex_date": self.day,
                **terms,
            }
        )
        before, dividends = self.state.mark(self.day, self.price), self.sum_of(DIVIDENDS)
        realised, owed = self.sum_of(REALISED), self.sum_of(DIVIDENDS_OWED)
        exact = Fraction(self.price[symbol])
        if action.new_units is not None and action.old_units is not None:
            exact = exact * Fraction(action.old_units) / Fraction(action.new_units)
        elif kind == "cash_dividend":
            exact -= Fraction(terms["cash"])
        price = Decimal(exact.numerator) / Decimal(exact.denominator)
        stake = Stake(symbol, holding, holding, price, Decimal(1) if whole else STEP)
        booking = book_action(action, stake)
        if booking is None:
            return
        self.books.enter(booking.movements, booking.kind, self.day)
        self.price[symbol] = max(price, STEP)
        after = self.state.mark(self.day, self.price | {symbol: price})
        # A cent for the action, and one for the rounding of the value before and after.
        assert abs(after.equity - before.equity) <= 2 * CENT
        self.earned -= self.sum_of(DIVIDENDS) - dividends + self.sum_of(DIVIDENDS_OWED) - owed
        self.gains -= self.sum_of(REALISED) - realised

    @rule(days=st.integers(1, 20))
    def a_session_begins(self, days: int) -> None:
        self.day += timedelta(days=days)
        for booking in payments_due(self.state, self.day):
            self.books.enter(booking.movements, booking.kind, self.day)
        for account, amount in self.state.balances.items():
            if account.startswith(("assets:receivable:", "liabilities:payable:")) and amount:
                is_late = date.fromisoformat(account[-10:]) <= self.day
                assert not is_late or (amount < 0 and self.state.cash == 0)

    @rule(rate=st.decimals("-0.1", "0.1", places=4))
    def interest(self, rate: Decimal) -> None:
        amount = to_cents(self.state.cash * rate)
        if amount and (self.state.cash + amount >= 0 or self.terms.allow_leverage):
            other = "income:interest" if amount > 0 else "expenses:interest"
            self.books.flow(other, amount, "interest", self.day)
            self.earned += amount

    @rule(rate=st.decimals("0", "0.1", places=4))
    def borrow_fee(self, rate: Decimal) -> None:
        short = sum(
            (max(-held.quantity, Decimal()) * self.price[symbol]
             for symbol, held in self.state.holdings.items()), ZERO,
        )  # fmt: skip
        amount = to_cents(short * rate)
        if amount and (amount <= self.state.cash or self.terms.allow_leverage):
            self.books.flow("expenses:borrow", -amount, "borrow_fee", self.day)
            self.earned -= amount

    @rule(amount=AMOUNTS)
    def models_are_paid_as_far_as_cash_goes(self, amount: Decimal) -> None:
        paid = min(max(self.state.cash, ZERO), amount + self.owed_to_models)
        owed = amount + self.owed_to_models - paid
        moves = (
            Movement(CASH, -paid),
            Movement("expenses:model_spend", amount),
            Movement("liabilities:model_spend", self.owed_to_models - owed),
        )
        self.books.enter(moves, "model_spend", self.day)
        self.earned -= amount
        self.owed_to_models = owed

    @rule(symbol=st.sampled_from(SYMBOLS))
    def lose_memory(self, symbol: str) -> None:
        """Go on from a state rebuilt out of stored entries."""
        stored = [
            Transaction.model_validate_json(each.model_dump_json()) for each in self.books.made
        ]
        again = AccountState("USD", terms=self.terms).apply_all(stored)
        assert again == self.state
        assert again.held(symbol) == self.state.held(symbol)
        self.books.state = again

    @precondition(lambda self: self.state.holdings)
    @rule(data=st.data())
    def a_lot_is_never_overdrawn(self, data: st.DataObject) -> None:
        symbol = data.draw(st.sampled_from(sorted(self.state.holdings)))
        lot = data.draw(st.sampled_from(self.state.holdings[symbol].lots))
        moves = (
            Movement(POSITIONS + symbol, ZERO, symbol, -2 * lot.quantity, lot.lot_id),
            Movement(CASH, ZERO),
        )
        before = self.state
        with pytest.raises((InvalidRequest, LimitBreached)):
            self.books.enter(moves, "trade", self.day)
        assert self.state is before

    def sum_of(self, account: str) -> Decimal:
        return self.state.balances.get(account, ZERO)

    @invariant()
    def every_transaction_and_all_accounts_sum_to_zero(self) -> None:
        for made in self.books.made[-3:]:
            assert sum(entry.amount for entry in made.entries) == 0
        assert sum(self.state.balances.values()) == 0

    @invariant()
    def lots_are_what_is_held_and_what_the_accounts_carry(self) -> None:
        for symbol, holding in self.state.holdings.items():
            assert holding.lots
            assert sum(lot.quantity for lot in holding.lots) == holding.quantity
            assert sum(lot.cost for lot in holding.lots) == holding.cost
            assert holding.cost == self.sum_of(POSITIONS + symbol)
            assert all(lot.quantity and lot.cost * lot.quantity >= 0 for lot in holding.lots)
            assert self.terms.allow_short or all(lot.quantity > 0 for lot in holding.lots)
            ids = [lot.lot_id for lot in holding.lots]
            assert len(set(ids)) == len(ids)
        carried = [name for name, amount in self.state.balances.items()
                   if name.startswith(POSITIONS) and amount]  # fmt: skip
        assert set(carried) <= {POSITIONS + symbol for symbol in self.state.holdings}

    @invariant()
    def money_is_never_borrowed_unless_it_may_be(self) -> None:
        assert self.state.cash >= 0 or self.terms.allow_leverage

    @invariant()
    def equity_is_what_was_put_in_and_what_became_of_it(self) -> None:
        state = self.state
        at_cost = sum((holding.cost for holding in state.holdings.values()), ZERO)
        book_value = self.put_in + self.earned + self.gains - self.fees
        assert state.cash + at_cost + state.accrued == book_value
        assert -self.sum_of(REALISED) == self.gains
        assert self.sum_of(COMMISSION) == self.fees
        mark = state.mark(self.day, self.price)
        assert mark.equity == mark.cash + mark.market_value + mark.accrued
        values = state.lot_values(self.price)
        unrealised = sum((each.unrealised for each in values), ZERO)
        # Realised and unrealised together are the whole change of value.
        assert mark.equity == book_value + unrealised
        for position in mark.positions:
            of_it = [each.value for each in values if each.symbol == position.symbol]
            assert sum(of_it) == position.market_value

    def teardown(self) -> None:
        if not hasattr(self, "books"):
            return
        made = self.books.made
        assert verify(made, tip=self.books.tip.hash).fault is None
        assert AccountState("USD", terms=self.terms).apply_all(made) == self.state
        for name, position, altered in flipped(made[-1]):
            fault = verify([*made[:-1], altered], tip=self.books.tip.hash).fault
            assert fault is not None, name
            assert (fault.transaction, fault.entry) == (len(made) - 1, position), name


@pytest.mark.promise("ledger-balances")
@pytest.mark.promise("ledger-tamper")
class TestBookkeeping(Bookkeeping.TestCase):
    settings = settings(max_examples=50, stateful_step_count=25)


@pytest.mark.long
@pytest.mark.promise("ledger-balances")
@pytest.mark.promise("ledger-tamper")
class TestBookkeepingAtLength(Bookkeeping.TestCase):
    settings = settings(max_examples=1500, stateful_step_count=100)


def bought(books: Books, side: Side, units: str, price: str, **rest: Any) -> Decimal | None:
    made = fill(side, units, price, commission=rest.pop("commission", "0"))
    gain = realised_gain(made, books.state, **rest)
    books.enter(movements_of(made, books.state, **rest))
    return gain


def test_a_sale_takes_the_oldest_lot_and_the_last_part_takes_the_rest() -> None:
    books = Books("30")
    for side, units, price, cash, cost in (
        ("buy", "1", "10", "20.00", "10.00"),
        ("buy", "2", "10", "0.00", "30.00"),
        ("sell", "1.5", "13", "19.50", "15.00"),
        ("sell", "1.5", "5", "27.00", None),
    ):
        bought(books, side, units, price)  # type: ignore[arg-type]  # one of the two sides
        assert books.state.cash == Decimal(cash)
        held = books.state.holdings.get("AAA")
        assert (held and held.cost) == (cost and Decimal(cost))
    assert books.state.balances[REALISED] == Decimal("3.00")  # 4.5 gained, 7.5 lost
    assert books.state.holdings == {}


def test_a_gain_is_what_lots_brought_less_the_commission_and_their_cost() -> None:
    books = Books("1000", MARGIN)
    assert bought(books, "buy", "10", "10", commission="1.00") is None
    assert bought(books, "sell", "4", "12", commission="0.50") == Decimal("7.50")
    # Six are sold and nine sold short: commission and amount are shared by units.
    made = fill("sell", "15", "20", commission="3.00")
    matched = match_lots(made, books.state)
    (closing,) = matched.closed
    assert (closing.part.cost, closing.proceeds, closing.commission) == (60, 120, Decimal("1.20"))
    assert closing.gain == realised_gain(made, books.state) == Decimal("58.80")
    assert (matched.opened, matched.cost) == (-9, -180)
    moves = movements_of(made, books.state, lot="20200102-77")
    assert [(move.account, move.amount, move.quantity, move.lot) for move in moves] == [
        (POSITIONS + "AAA", -60, -6, "20200102-1"),
        (POSITIONS + "AAA", -180, -9, "20200102-77"),
        (CASH, 297, None, None),
        (REALISED, -60, None, None),
        (COMMISSION, 3, None, None),
    ]


def test_a_buy_first_covers_what_was_sold_short() -> None:
    books = Books("100", MARGIN)
    bought(books, "sell", "5", "10")
    bought(books, "sell", "5", "12")
    assert (books.state.held("AAA"), books.state.cash) == (-10, 210)
    assert books.state.holdings["AAA"].cost == -110
    assert bought(books, "buy", "12", "11") == 0  # 5 gained nothing less than 5 lost
    (lot,) = books.state.holdings["AAA"].lots
    assert (lot.quantity, lot.cost, lot.lot_id) == (2, 22, lot_id(DAY, 3))
    mark = books.state.mark(DAY, {"AAA": Decimal(11)})
    assert mark.equity == 100


def test_a_short_position_is_worth_less_than_nothing() -> None:
    books = Books("100", MARGIN)
    bought(books, "sell", "5", "10")
    mark = books.state.mark(DAY, {"AAA": Decimal("12.5")})
    (position,) = mark.positions
    assert (position.quantity, position.cost, position.market_value) == (
        *(Decimal(-5), Decimal(-50), Decimal("-62.50")),
    )
    assert (mark.cash, mark.equity) == (150, Decimal("87.50"))
    (lot,) = books.state.lot_values({"AAA": Decimal("12.5")})
    assert lot.unrealised == Decimal("-12.50")


def test_what_is_owed_and_what_is_due_count_in_equity() -> None:
    books = Books("100")
    books.enter(
        (Movement("assets:receivable:2020-02-01", Decimal(7)), Movement(DIVIDENDS, Decimal(-7)))
    )
    books.enter(
        (
            Movement("expenses:model_spend", Decimal(3)),
            Movement("liabilities:model_spend", Decimal(-3)),
        )
    )
    mark = books.state.mark(DAY, {})
    assert (mark.cash, mark.accrued, mark.equity) == (100, 4, 104)


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(1, 12), st.integers(1, 50)), min_size=1, max_size=30
    )
)
def test_fifo_is_a_queue_of_single_units(trades: list[tuple[bool, int, int]]) -> None:
    """Against a book that keeps every unit with its price; whole prices, so all is exact."""
    books = Books("100000", MARGIN)
    queue: deque[tuple[int, int]] = deque()
    for is_buy, units, price in trades:
        sign, gain, closes = (1 if is_buy else -1), 0, False
        for _ in range(units):
            if queue and queue[0][0] == -sign:
                gain += (price - queue.popleft()[1]) * -sign
                closes = True
            else:
                queue.append((sign, price))
        told = bought(books, "buy" if is_buy else "sell", str(units), str(price))
        assert told == (gain if closes else None)
        assert books.state.held("AAA") == sum(one for one, _ in queue)
        holding = books.state.holdings.get("AAA", Holding())
        assert holding.cost == sum(one * paid for one, paid in queue)


def test_another_currency_is_never_mixed_in() -> None:
    books = Books()
    heading = Heading("t", "deposit", DAY, "euros", "EUR")
    movements = (Movement(CASH, Decimal(1)), Movement(CAPITAL, Decimal(-1)))
    with pytest.raises(InvalidRequest, match="kept in USD"):
        books.state.apply(append(books.tip, heading, movements=movements))


def test_units_that_are_not_held_cannot_leave() -> None:
    books = Books("10")
    with pytest.raises(LimitBreached, match="more AAA than is held"):
        bought(books, "sell", "1", "1")
    bought(books, "buy", "1", "1")
    with pytest.raises(LimitBreached, match="more AAA than is held"):
        bought(books, "sell", "2", "1")
    assert books.state.held("AAA") == 1


def test_an_emptied_lot_leaves_no_cost_behind() -> None:
    books = Books("10")
    bought(books, "buy", "1", "5")
    lot = books.state.holdings["AAA"].lots[0].lot_id
    position = POSITIONS + "AAA"
    moves = (Movement(position, Decimal(-4), "AAA", Decimal(-1), lot), Movement(CASH, Decimal(4)))
    with pytest.raises(InvalidRequest, match=rf"empties lot {lot} and leaves 1.00"):
        books.enter(moves)


def test_a_lot_that_is_named_and_not_there_is_refused() -> None:
    books = Books("10")
    bought(books, "buy", "1", "5")
    with pytest.raises(InvalidRequest, match="there is no lot '20190101-1' to close"):
        bought(books, "sell", "1", "5", method="specific", chosen=["20190101-1"])


def test_a_holding_without_a_price_is_not_valued_at_a_guess() -> None:
    books = Books("10")
    bought(books, "buy", "1", "5")
    with pytest.raises(UntrustworthyData, match="AAA is held but has no price"):
        books.state.mark(DAY, {})
    with pytest.raises(UntrustworthyData, match="AAA is held but has no price"):
        books.state.lot_values({})
