"""Every move of an order, enumerated; and how an order follows what a venue tells."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Conflict
from schemas.orders import ENDED, WORKING, Order, OrderStatus, Terms, Transition
from trading import order_states
from trading.order_states import (
    MOVES,
    came_late,
    content,
    follow,
    intend,
    is_presumed,
    is_settled,
    may_become,
    move,
    take_late_fill,
    version,
)

AT = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
STATUSES: tuple[OrderStatus, ...] = get_args(OrderStatus)
SHORT = {status[:3]: status for status in STATUSES} | {"int": "intent"}


def an_order(status: OrderStatus = "intent", filled: str = "0", *, cause: str = "venue") -> Order:
    """An order for ten in that state, with a history of two entries."""
    order = intend(
        Order(
            client_order_id="one",
            agent="tester",
            sequence=0,
            session=date(2026, 3, 2),
            symbol="AAA",
            side="buy",
            quantity=Decimal(10),
            reason="because",
            placed_as_of=AT,
        )
    )
    last = Transition.model_validate({"at": AT, "status": status, "cause": cause})
    return order.model_copy(
        update={
            "status": status,
            "filled_quantity": Decimal(filled),
            "history": (*order.history, last),
        }
    )


PRESUMED = an_order("rejected", cause="recovery")


def step(status: OrderStatus, reason: str | None = None) -> Transition:
    return Transition(at=AT, status=status, cause="venue", reason=reason)


def drawn_table() -> dict[str, set[str]]:
    """Read the table of the module's own docstring."""
    lines = [line.strip() for line in (order_states.__doc__ or "").splitlines()]
    start = next(n for n, line in enumerate(lines) if line.startswith("from "))
    columns = [SHORT[name] for name in lines[start].split()[2:]]
    table: dict[str, set[str]] = {}
    for line in lines[start + 1 : start + 7]:
        name, marks = line.replace("presumed rejected", "presumed").split(maxsplit=1)
        cells = marks.split()[: len(columns)]
        table[name] = {to for to, mark in zip(columns, cells, strict=True) if mark == "x"}
    return table


def test_the_table_drawn_is_the_table_that_rules() -> None:
    drawn = drawn_table()
    assert drawn.pop("presumed") == MOVES["unresolved"]
    assert drawn == {status: set(to) for status, to in MOVES.items() if to}
    assert {status for status, to in MOVES.items() if not to} == ENDED
    assert set(MOVES) == set(STATUSES)


@pytest.mark.parametrize(("start", "end"), list(product(STATUSES, STATUSES)))
def test_every_pair_of_states_moves_as_the_table_says_and_keeps_how(
    start: OrderStatus, end: OrderStatus
) -> None:
    order = an_order(start)
    assert may_become(order, end) == (end in MOVES[start])
    if end not in MOVES[start]:
        with pytest.raises(Conflict, match=f"is {start} and cannot become {end}"):
            move(order, step(end))
        return
    after = move(order, step(end, "why"))
    assert (after.status, after.status_reason) == (end, "why")
    assert after.history == (*order.history, step(end, "why"))
    assert version(after) == version(order) + 1
    assert content(after) == content(order)


def test_no_way_leads_from_a_doubt_back_to_sending() -> None:
    # An intent is what may be sent. Nothing that may have happened becomes one again: only
    # `submitted` does, by whoever knows that nothing was sent.
    assert [status for status in STATUSES if "intent" in MOVES[status]] == ["submitted"]
    assert not MOVES["unresolved"] & {"intent", "denied"}


def test_what_we_presume_rejected_may_come_back_and_what_the_venue_rejected_may_not() -> None:
    assert is_presumed(PRESUMED)
    assert not is_settled(PRESUMED)
    assert {s for s in STATUSES if may_become(PRESUMED, s)} == set(MOVES["unresolved"])
    back = move(PRESUMED, step("accepted"))
    assert came_late(back)
    assert not came_late(PRESUMED)
    told = an_order("rejected")
    assert not is_presumed(told)
    assert is_settled(told)
    assert not any(may_become(told, status) for status in STATUSES)


def test_the_reason_is_that_of_the_state_the_order_is_in() -> None:
    order = move(an_order("submitted"), step("accepted", "taken"))
    assert order.status_reason == "taken"
    done = move(order, step("filled"), filled=Decimal(10))
    assert done.status_reason is None
    assert [each.reason for each in done.history][-2:] == ["taken", None]


def test_filled_units_never_become_fewer() -> None:
    order = an_order("partially_filled", "4")
    with pytest.raises(Conflict, match="has 4 units filled, not 3"):
        move(order, step("partially_filled"), filled=Decimal(3))
    assert move(order, step("cancelled")).filled_quantity == 4


@pytest.mark.parametrize("status", ["cancelled", "expired", "rejected"])
def test_a_fill_known_after_the_end_is_counted_and_the_end_stays(status: OrderStatus) -> None:
    order = an_order(status, "2")
    more = take_late_fill(order, at=AT, filled=Decimal(5))
    assert (more.status, more.filled_quantity) == (status, 5)
    assert more.history[-1].reason == "3 units filled became known after its end"
    whole = take_late_fill(order, at=AT, filled=Decimal(10))
    assert (whole.status, whole.filled_quantity) == ("filled", 10)
    for filled in (2, 1):
        with pytest.raises(Conflict):
            take_late_fill(order, at=AT, filled=Decimal(filled))
    assert is_settled(more)  # a fill makes no presumption of the venue's own word


FOLLOWED: list[tuple[OrderStatus, OrderStatus | None, int, int, list[str]]] = [
    # ours, what the venue tells, its filled units, those of our fills, what ours becomes
    ("submitted", "accepted", 0, 0, ["accepted"]),
    ("submitted", "rejected", 0, 0, ["rejected"]),
    ("submitted", "filled", 10, 10, ["accepted", "filled"]),
    ("submitted", "filled", 10, 6, ["accepted", "partially_filled"]),
    ("submitted", "filled", 10, 0, ["accepted"]),
    ("submitted", "cancelled", 4, 4, ["accepted", "cancelled"]),
    ("submitted", "cancelled", 4, 1, ["accepted", "partially_filled"]),
    ("submitted", "intent", 0, 0, []),
    ("submitted", "submitted", 0, 0, []),
    ("submitted", "unresolved", 0, 0, []),
    ("submitted", None, 0, 0, []),
    ("submitted", None, 0, 3, ["accepted", "partially_filled"]),
    ("unresolved", "submitted", 0, 0, ["submitted"]),
    ("unresolved", "accepted", 0, 0, ["accepted"]),
    ("unresolved", "rejected", 0, 0, ["rejected"]),
    ("unresolved", "filled", 10, 10, ["accepted", "filled"]),
    ("unresolved", None, 0, 0, []),
    ("intent", "accepted", 0, 0, ["submitted", "accepted"]),
    ("intent", "rejected", 0, 0, ["submitted", "rejected"]),
    ("intent", None, 0, 0, []),
    ("accepted", "submitted", 0, 0, []),
    ("accepted", "accepted", 0, 0, []),
    ("accepted", "partially_filled", 4, 4, ["partially_filled"]),
    ("accepted", "partially_filled", 4, 0, []),
    ("accepted", "accepted", 0, 10, ["filled"]),
    ("accepted", "rejected", 0, 0, ["rejected"]),
    ("accepted", "expired", 0, 0, ["expired"]),
    ("partially_filled", "accepted", 0, 2, []),
    ("partially_filled", "accepted", 0, 5, ["partially_filled"]),
    ("partially_filled", "cancelled", 2, 2, ["cancelled"]),
    ("partially_filled", "cancelled", 5, 2, []),
    ("partially_filled", "rejected", 0, 2, []),
    ("partially_filled", "filled", 2, 2, []),
    ("cancelled", "accepted", 0, 0, []),
    ("cancelled", "filled", 10, 10, ["filled"]),
    ("expired", "filled", 10, 4, ["expired"]),
    ("filled", "accepted", 0, 0, []),
    ("denied", "accepted", 0, 0, []),
]


@pytest.mark.parametrize(("ours", "told", "units", "filled", "expected"), FOLLOWED)
def test_an_order_follows_what_is_told_and_known(
    ours: OrderStatus, told: OrderStatus | None, units: int, filled: int, expected: list[str]
) -> None:
    start = {"partially_filled": "2", "filled": "10"}.get(ours, "0")
    order = an_order(ours, start)
    venue = None
    if told is not None:
        venue = an_order(told, str(units))
        if told != "rejected" and told not in ("intent", "submitted"):
            venue = venue.model_copy(update={"history": (*venue.history, step("accepted"))})
    after = follow(order, venue, filled=max(Decimal(filled), order.filled_quantity), at=AT)
    assert [each.status for each in after.history[len(order.history) :]] == expected
    if not expected:
        assert after is order


def test_what_turns_up_late_says_so_and_ends_by_the_venues_word() -> None:
    for told in ("accepted", "filled", "cancelled"):
        venue = an_order(told, "10" if told == "filled" else "0")
        after = follow(PRESUMED, venue, filled=venue.filled_quantity, at=AT)
        assert came_late(after)
        assert is_settled(after) == (told != "accepted")
    late = follow(PRESUMED, an_order("accepted"), filled=Decimal(0), at=AT)
    assert late.history[-1].cause == "recovery"
    assert "turned up" in (late.status_reason or "")
    confirmed = follow(PRESUMED, an_order("rejected"), filled=Decimal(0), at=AT)
    assert is_settled(confirmed)
    assert confirmed.history[-1].cause == "venue"


def test_a_rejection_found_by_asking_is_the_venues_and_no_presumption() -> None:
    after = follow(an_order("unresolved"), an_order("rejected"), filled=Decimal(0), at=AT)
    assert is_settled(after)


def test_an_order_for_money_is_filled_when_the_venue_says_so() -> None:
    money = {"terms": Terms(notional=Decimal("100.00"))}
    ours = an_order("accepted").model_copy(update=money)
    told = an_order("filled", "9").model_copy(update=money)
    assert follow(ours, told, filled=Decimal(9), at=AT).status == "filled"
    assert follow(ours, told, filled=Decimal(8), at=AT).status == "partially_filled"
    working = an_order("partially_filled", "11").model_copy(update=money)
    assert follow(ours, working, filled=Decimal(11), at=AT).status == "partially_filled"


@given(
    st.lists(
        st.tuples(st.sampled_from(STATUSES), st.integers(0, 10), st.integers(0, 10)), max_size=12
    )
)
def test_whatever_is_told_in_whatever_order_no_move_is_illegal_and_none_goes_back(
    tellings: list[tuple[OrderStatus, int, int]],
) -> None:
    order, filled = an_order("submitted"), 0
    for number, (status, units, more) in enumerate(tellings):
        filled = max(filled, min(more, 10))
        at = AT + timedelta(seconds=number)
        after = follow(order, an_order(status, str(units)), filled=Decimal(filled), at=at)
        assert after.history[: version(order)] == order.history
        assert after.filled_quantity >= order.filled_quantity
        if is_settled(order):
            assert after.status in (order.status, "filled")
        if order.status in WORKING:
            assert after.status in WORKING | ENDED
        if after.status == "filled":
            assert after.filled_quantity == 10
        assert after.filled_quantity in (order.filled_quantity, filled)
        order = after
