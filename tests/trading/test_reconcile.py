"""What differs between our books and a broker's is found, and named as far as it can be told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from schemas.account import AccountMark, PositionMark
from schemas.base import to_cents
from schemas.ledger import Entry, Transaction, TransactionKind
from schemas.orders import Fill, Order, OrderStatus, Side, Terms, Transition
from schemas.reconciliation import Difference, Reconciliation
from trading.order_states import intend
from trading.reconcile import reconcile, sentence
from trading.statements import Booked, Ours, Theirs, cash_of, positions_after, units_of

AT = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
DAY = date(2026, 3, 2)
CASH = Decimal("1000.00")


def an_order(
    name: str = "one", status: OrderStatus = "filled", filled: str = "10", **more: object
) -> Order:
    order = Order(
        client_order_id=name,
        agent="tester",
        sequence=0,
        session=DAY,
        symbol="AAA",
        side="buy",
        quantity=Decimal(10),
        reason="because",
        placed_as_of=AT,
    )
    cause = more.pop("cause", "venue")
    last = Transition.model_validate({"at": AT, "status": status, "cause": cause})
    return intend(order).model_copy(
        update={
            "status": status,
            "filled_quantity": Decimal(filled),
            "history": (*intend(order).history, last),
            **more,
        }
    )


def a_fill(
    name: str = "f1", order: str = "one", units: str = "10", side: Side = "buy", **more: object
) -> Fill:
    quantity = Decimal(units)
    fill = Fill(
        fill_id=name,
        client_order_id=order,
        agent="tester",
        session=DAY,
        symbol="AAA",
        side=side,
        quantity=quantity,
        reference_price=Decimal(5),
        price=Decimal(5),
        amount=quantity * 5,
        commission=Decimal("0.35"),
        spread_cost=Decimal(0),
        slippage_cost=Decimal(0),
        convention="open",
    )
    return fill.model_copy(update=more)


def a_mark(cash: Decimal = CASH, **units: str) -> AccountMark:
    positions = tuple(
        PositionMark(
            symbol=symbol,
            quantity=Decimal(held),
            cost=Decimal(0),
            price=Decimal(5),
            market_value=to_cents(Decimal(held) * 5),
        )
        for symbol, held in sorted(units.items())
    )
    value = sum((each.market_value for each in positions), Decimal("0.00"))
    return AccountMark(
        session=DAY,
        currency="USD",
        cash=cash,
        market_value=value,
        equity=cash + value,
        positions=positions,
    )


def booked(kind: TransactionKind, *entries: tuple[str, str, str | None]) -> Transaction:
    """Return a transaction of (account, amount, units of AAA) entries."""
    return Transaction(
        transaction_id=f"{kind}-{entries[0][1]}",
        sequence=0,
        kind=kind,
        session=DAY,
        description=kind,
        entries=tuple(
            Entry(
                account=account,
                amount=Decimal(amount),
                currency="USD",
                symbol=None if units is None else "AAA",
                quantity=None if units is None else Decimal(units),
                previous="a" * 64,
                hash="b" * 64,
            )
            for account, amount, units in entries
        ),
    )


def after(*fills: Fill) -> Decimal:
    return CASH + sum((cash_of(fill) for fill in fills), Decimal(0))


def found(ours: Ours, theirs: Theirs) -> Reconciliation:
    return reconcile("acc", ours, theirs, at=AT)


def causes(found: Reconciliation) -> list[tuple[str, str, bool]]:
    return [(each.subject, each.cause, each.explained) for each in found.differences]


ORDERS, FILLS = (an_order(),), (a_fill(),)
BOUGHT = Ours(a_mark(), ORDERS, FILLS)
SAME = Theirs(DAY, DAY, a_mark(after(a_fill()), AAA="10"), ORDERS, FILLS)


def told(mark: AccountMark, orders: tuple[Order, ...] = (), fills: tuple[Fill, ...] = ()) -> Theirs:
    return Theirs(DAY, DAY, mark, orders, fills)


def test_books_that_agree_have_no_differences() -> None:
    result = found(BOUGHT, SAME)
    assert result.differences == ()
    assert result.is_sound
    assert (result.orders, result.fills, result.session) == (1, 1, DAY)


def test_a_fill_we_had_not_heard_of_explains_units_and_cash_to_the_cent() -> None:
    ours = Ours(a_mark(), (an_order(status="accepted", filled="0"),))
    result = found(ours, SAME)
    assert causes(result) == [
        ("order", "late_update", True),
        ("fill", "missing_fill", True),
        ("position", "missing_fill", True),
        ("cash", "missing_fill", True),
    ]
    cent = told(a_mark(after(a_fill()) - 2, AAA="10"), ORDERS, FILLS)
    assert causes(found(ours, cent))[-1] == ("cash", "contradiction", False)


def test_a_trade_by_hand_is_named_and_left_to_a_person() -> None:
    hand = a_fill("h1", "manual", "3", symbol="BBB")
    strange = an_order("manual", filled="3", symbol="BBB", quantity=Decimal(3))
    theirs = told(
        a_mark(after(a_fill(), hand), AAA="10", BBB="3"),
        (an_order(), strange),
        (a_fill(), hand),
    )
    result = found(BOUGHT, theirs)
    assert causes(result) == [
        ("order", "unknown_order", False),
        ("fill", "manual_trade", False),
        ("position", "manual_trade", False),
        ("cash", "manual_trade", False),
    ]
    assert "belong to no order of ours" in sentence(result.unexplained)


def test_a_trade_by_hand_that_the_books_hold_is_explained() -> None:
    hand = a_fill("h1", "manual", "3", symbol="BBB")
    strange = an_order("manual", filled="3", symbol="BBB", quantity=Decimal(3))
    opening = a_mark(after(hand), BBB="3")
    ours = Ours(opening, (an_order(),), (a_fill(),))
    theirs = told(
        a_mark(after(a_fill(), hand), AAA="10", BBB="3"), (an_order(), strange), (a_fill(), hand)
    )
    assert causes(found(ours, theirs)) == [
        ("order", "unknown_order", True),
        ("fill", "manual_trade", True),
    ]
    working = strange.model_copy(update={"status": "partially_filled"})
    theirs = told(theirs.mark, (an_order(), working), (a_fill(), hand))
    assert causes(found(ours, theirs))[0] == ("order", "unknown_order", False)


UNANSWERED: list[tuple[OrderStatus, str, OrderStatus | None, str, bool]] = [
    # our state, cause of our last move, the broker's state or None, what it is, explained
    ("unresolved", "broker", "accepted", "unconfirmed", True),
    ("submitted", "gate", "filled", "unconfirmed", True),
    ("intent", "agent", "accepted", "unconfirmed", True),
    ("unresolved", "broker", None, "unconfirmed", True),
    ("submitted", "gate", None, "unconfirmed", True),
    ("rejected", "recovery", "accepted", "late_arrival", True),
    ("accepted", "venue", None, "contradiction", False),
    ("accepted", "venue", "submitted", "late_update", True),
    ("cancelled", "venue", "accepted", "late_update", True),
    ("cancelled", "venue", "expired", "contradiction", False),
    ("rejected", "venue", "accepted", "late_update", True),
]


@pytest.mark.parametrize(("ours", "cause", "theirs", "expected", "explained"), UNANSWERED)
def test_an_order_in_two_states_is_named_by_what_lies_between(
    ours: OrderStatus, cause: str, theirs: OrderStatus | None, expected: str, explained: bool
) -> None:
    mine = an_order(status=ours, filled="0", cause=cause)
    there = () if theirs is None else (an_order(status=theirs, filled="0"),)
    result = found(Ours(a_mark(), (mine,)), told(a_mark(), there))
    assert causes(result) == [("order", expected, explained)]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("submitted", "intent"), ("submitted", "submitted"), ("rejected", "rejected")],
)
def test_an_order_that_waits_on_both_sides_is_no_difference(
    ours: OrderStatus, theirs: OrderStatus
) -> None:
    mine = an_order(status=ours, filled="0", cause="recovery")
    there = an_order(status=theirs, filled="0")
    assert found(Ours(a_mark(), (mine,)), told(a_mark(), (there,))).differences == ()


def test_an_intent_and_an_ended_order_the_broker_does_not_tell_of_are_no_differences() -> None:
    mine = (an_order("a", "intent", "0"), an_order("b", "cancelled", "0"))
    assert found(Ours(a_mark(), mine), told(a_mark())).differences == ()


def test_another_order_under_our_id_is_a_contradiction() -> None:
    mine = an_order(status="accepted", filled="0")
    for change in (
        {"quantity": Decimal(11)},
        {"side": "sell"},
        {"symbol": "BBB"},
        {"terms": Terms(order_type="limit", limit_price=Decimal(1))},
    ):
        theirs = told(a_mark(), (mine.model_copy(update=change),))
        assert causes(found(Ours(a_mark(), (mine,)), theirs)) == [("order", "contradiction", False)]
    agent = told(a_mark(), (mine.model_copy(update={"agent": "somebody"}),))
    assert found(Ours(a_mark(), (mine,)), agent).differences == ()


def test_a_broker_whose_positions_do_not_follow_from_its_own_fills_contradicts_itself() -> None:
    theirs = told(a_mark(after(a_fill()), AAA="17"), ORDERS, FILLS)
    result = found(BOUGHT, theirs)
    assert causes(result) == [("position", "contradiction", False)]
    assert sentence(result.unexplained) == (
        "we hold 10 AAA and the broker says 17, and the broker's own fills do not account for it"
    )


def test_a_broker_that_tells_other_units_of_an_order_than_of_its_fills_contradicts_itself() -> None:
    less = told(SAME.mark, (an_order(),), (a_fill(units="6"),))
    assert ("order", "contradiction", False) in causes(found(BOUGHT, less))
    older = Theirs(DAY, DAY + timedelta(days=1), SAME.mark, (an_order(),), ())
    assert found(BOUGHT, older).differences == ()


def test_a_fill_taken_back_told_twice_differently_or_of_another_symbol_is_a_contradiction() -> None:
    gone = told(SAME.mark, (), ())
    assert causes(found(BOUGHT, gone)) == [("fill", "contradiction", False)]
    twice = told(SAME.mark, ORDERS, (a_fill(), a_fill(units="9")))
    assert ("fill", "contradiction", False) in causes(found(BOUGHT, twice))
    foreign = told(SAME.mark, (), (a_fill(), a_fill("f2", symbol="BBB")))
    assert ("fill", "contradiction", False) in causes(found(BOUGHT, foreign))
    repeated = told(SAME.mark, ORDERS, (a_fill(), a_fill()))
    assert found(BOUGHT, repeated).differences == ()


def test_more_units_than_were_ordered_are_a_contradiction() -> None:
    fills = (a_fill(), a_fill("f2", units="1"))
    ours = Ours(a_mark(), (an_order(filled="11"),), fills)
    theirs = told(a_mark(after(*fills), AAA="11"), (an_order(filled="11"),), fills)
    assert causes(found(ours, theirs)) == [("order", "contradiction", False)]


@pytest.mark.parametrize(
    ("ours", "theirs", "split"),
    [
        ("10", "20", True),
        ("10", "1", True),
        ("10", "15", True),
        ("10", "17", False),
        ("10", "-10", False),
        ("10", "0", False),
        ("7", "8", False),
    ],
)
def test_units_in_the_ratio_of_a_split_are_named_so_and_stay_unexplained(
    ours: str, theirs: str, split: bool
) -> None:
    mark = a_mark(AAA=theirs) if theirs != "0" else a_mark()
    result = found(Ours(a_mark(AAA=ours)), told(mark))
    cause = "split_ratio" if split else "contradiction"
    assert causes(result) == [("position", cause, False)]


def test_a_split_known_or_booked_explains_its_ratio_and_no_other() -> None:
    held = a_mark(AAA="10")
    known = Ours(held, booked=Booked(splits={"AAA": Decimal("1.5")}))
    assert causes(found(known, told(a_mark(AAA="15")))) == [("position", "split_ratio", True)]
    assert causes(found(known, told(a_mark(AAA="20")))) == [("position", "split_ratio", False)]
    split = booked(
        "split", ("assets:positions:AAA", "0.00", "10"), ("assets:positions:AAA", "0.00", "0")
    )
    ahead = Ours(held, booked=Booked(ledger=(split,)))
    assert found(ahead, told(a_mark(AAA="20"))).differences == ()
    assert causes(found(ahead, told(held))) == [("position", "split_ratio", True)]


def test_cash_alone_apart_looks_like_a_dividend_and_is_explained_when_it_was_due() -> None:
    paid = told(a_mark(CASH + 12, AAA="10"))
    held = a_mark(AAA="10")
    assert causes(found(Ours(held), paid)) == [("cash", "dividend_or_fee", False)]
    due = booked(
        "dividend", ("assets:receivable:2026-03-20", "12.00", None), ("income", "-12.00", None)
    )
    other = booked(
        "dividend", ("assets:receivable:2026-03-21", "3.00", None), ("income", "-3.00", None)
    )
    ours = Ours(held, booked=Booked(ledger=(due, other)))
    assert causes(found(ours, paid)) == [("cash", "dividend_or_fee", True)]
    assert causes(found(ours, told(a_mark(CASH + 15, AAA="10"))))[0][2]
    assert not causes(found(ours, told(a_mark(CASH + 14, AAA="10"))))[0][2]
    received = booked(
        "payment", ("assets:cash", "12.00", None), ("assets:receivable:2026-03-20", "-12.00", None)
    )
    settled = Ours(held, booked=Booked(ledger=(due, received)))
    assert found(settled, paid).differences == ()
    assert causes(found(settled, told(held))) == [("cash", "dividend_or_fee", False)]


def test_a_cent_and_a_millionth_are_rounding_and_two_are_not() -> None:
    mark = a_mark(CASH + Decimal("0.01"), AAA="10.000001")
    held = Ours(a_mark(AAA="10"))
    assert causes(found(held, told(mark))) == [
        ("position", "rounding", True),
        ("cash", "rounding", True),
    ]
    mark = a_mark(CASH + Decimal("0.02"), AAA="10.000002")
    assert [explained for *_, explained in causes(found(held, told(mark)))] == [False, False]
    cent = a_fill(amount=Decimal("50.01"))
    theirs = told(a_mark(after(cent), AAA="10"), ORDERS, (cent,))
    assert causes(found(BOUGHT, theirs)) == [("fill", "rounding", True), ("cash", "rounding", True)]


def test_a_valuation_that_does_not_add_up_is_a_contradiction() -> None:
    wrong = a_mark(AAA="10").model_copy(update={"equity": Decimal(7)})
    assert ("account", "contradiction", False) in causes(found(Ours(a_mark(AAA="10")), told(wrong)))
    once = a_mark(AAA="10").positions[0]
    twice = a_mark().model_copy(
        update={
            "positions": (once, once),
            "market_value": once.market_value * 2,
            "equity": CASH + once.market_value * 2,
        }
    )
    assert ("account", "contradiction", False) in causes(found(Ours(a_mark(AAA="10")), told(twice)))


def test_newest_fills_missing_in_the_ledger_are_explained_and_others_are_not() -> None:
    fills = (a_fill("f1", units="4"), a_fill("f2", units="6"))
    mark = a_mark(after(*fills), AAA="10")

    def with_trades(*units: str) -> Reconciliation:
        trades = tuple(
            booked("trade", ("assets:positions:AAA", "0.00", each), ("assets:cash", "0.00", None))
            for each in units
        )
        ours = Ours(a_mark(), (an_order(),), fills, Booked(ledger=trades))
        return found(ours, told(mark, (an_order(),), fills))

    assert with_trades("4", "6").differences == ()
    assert causes(with_trades("4")) == [("ledger", "unbooked_fill", True)]
    assert causes(with_trades("6")) == [("ledger", "unbooked_fill", False)]
    assert causes(with_trades("4", "6", "6")) == [("ledger", "unbooked_fill", False)]


def test_units_and_cash_of_fills_add_up_and_what_is_sold_out_is_gone() -> None:
    fills = (a_fill(units="4"), a_fill("f2", units="1", side="sell"))
    assert [units_of(fill) for fill in fills] == [4, -1]
    assert [cash_of(fill) for fill in fills] == [Decimal("-20.35"), Decimal("4.65")]
    assert positions_after(a_mark(BBB="2"), fills) == {"AAA": 3, "BBB": 2}
    assert positions_after(a_mark(), (a_fill(), a_fill("f2", side="sell"))) == {}


def test_many_differences_still_make_one_sentence() -> None:
    one = Difference(
        subject="cash",
        key="USD",
        cause="contradiction",
        explained=False,
        ours="1",
        theirs="2",
        what="cash differs",
    )
    assert sentence([one] * 2) == "cash differs; cash differs"
    assert sentence([one] * 7).endswith("cash differs; and 2 more")
