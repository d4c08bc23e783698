"""Brackets and groups: what waits for what, and which exit is taken."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from schemas.errors import Conflict
from schemas.orders import Order, Terms
from tests.adapters.acted import split
from tests.adapters.bar_markets import FLAT
from tests.adapters.order_runs import (
    CAPPED,
    CARRIED,
    killed,
    made,
    now,
    running,
    step,
    terms,
    way,
)
from tests.trading.samples import DAYS, Run
from trading.order_states import MOVES


def bracket(
    run: Run, *, stop: str, target: str, entry: Terms | None = None, units: str = "10"
) -> tuple[Order, Order, Order]:
    parent = run.submit("AAA", "buy", units, entry or terms())
    ties = {"parent_id": parent.client_order_id, "oco_group": "exit"}
    down = run.submit("AAA", "sell", units, terms("stop", "gtc", stop_price=stop, **ties))
    up = run.submit("AAA", "sell", units, terms("limit", "gtc", limit_price=target, **ties))
    return parent, down, up


def test_children_wait_for_their_parent_and_one_exit_cancels_the_other() -> None:
    run = running("100 101 98 99", "99 100 94 96", "96 111 96 110", FLAT)
    entry = terms("limit", "gtc", limit_price="95")
    parent, down, up = bracket(run, stop="90", target="108", entry=entry)
    assert [each.status for each in (parent, down, up)] == ["accepted", "intent", "intent"]
    step(run)
    run = killed(run)
    assert [now(run, each).status for each in (down, up)] == ["intent", "intent"]
    step(run)
    run = killed(run)
    assert [now(run, each).status for each in (parent, down, up)] == [
        "filled",
        "accepted",
        "accepted",
    ]
    step(run)
    assert made(run) == [(DAYS[2], "10", "95"), (DAYS[3], "-10", "108")]
    assert now(run, down).status == "cancelled"
    assert now(run, down).status_reason == f"{up.client_order_id} of its group has filled"


def test_of_stop_and_target_inside_one_bar_the_worse_is_taken_and_said() -> None:
    run = running("100 110 90 105", FLAT)
    _, down, up = bracket(run, stop="95", target="108")
    step(run)
    assert made(run) == [(DAYS[1], "10", "100"), (DAYS[1], "-10", "95")]
    assert now(run, down).status == "filled"
    assert "the worse for the account was taken" in str(now(run, up).status_reason)


def test_an_order_of_a_group_expires_only_when_no_other_has_filled() -> None:
    run = running("100 101 99 100", FLAT)
    low = run.submit("AAA", "buy", "10", terms("limit", limit_price="60", oco_group="either"))
    high = run.submit("AAA", "buy", "10", terms(oco_group="either"))
    step(run)
    assert [now(run, each).status for each in (low, high)] == ["cancelled", "filled"]


def test_what_the_open_decides_comes_before_what_the_bar_may_hold() -> None:
    run = running("100 101 99 100", "112 113 90 95", FLAT)
    _, down, up = bracket(run, stop="95", target="108")
    step(run)
    step(run)
    assert made(run)[1:] == [(DAYS[2], "-10", "112")]
    assert now(run, up).status == "filled"
    assert now(run, down).status_reason == f"{up.client_order_id} of its group has filled"


def test_after_an_entry_inside_the_bar_the_stop_is_feared_and_the_target_needs_the_close() -> None:
    entry = terms("limit", limit_price="95")
    run = running("100 110 89 94", "94 107 94 100", FLAT)
    _, _, up = bracket(run, stop="90", target="108", entry=entry)
    step(run)
    assert made(run) == [(DAYS[1], "10", "95"), (DAYS[1], "-10", "90")]
    run = running("100 110 94 96", "96 107 95 100", FLAT)
    _, down, up = bracket(run, stop="90", target="108", entry=entry)
    step(run)
    run = killed(run)
    step(run)
    assert [now(run, each).status for each in (down, up)] == ["accepted", "accepted"]


def test_children_end_with_a_parent_that_never_filled_and_exit_no_more_than_it_entered() -> None:
    run = running("100 101 98 99", FLAT, FLAT)
    parent, down, _ = bracket(run, stop="90", target="120", entry=terms("limit", limit_price="9"))
    step(run)
    told = f"its parent {parent.client_order_id} ended without a fill"
    assert (now(run, down).status, now(run, down).status_reason) == ("cancelled", told)
    assert way(now(run, down)) == ["intent", "cancelled"]

    run = running("100 100 100 100 40", FLAT, FLAT, execution=CAPPED)
    parent, down, up = bracket(run, stop="90", target="120")
    step(run)
    run = killed(run)
    assert now(run, parent).filled_quantity == 4
    assert [now(run, each).quantity for each in (down, up)] == [4, 4]
    assert now(run, up).status_reason == "cut to the 4 that its parent filled"


def test_the_exits_of_an_entry_for_money_are_for_what_it_bought() -> None:
    # 1000 buy ten units at the last close of 100, and more or fewer at the open.
    for opened, units, done in (("80", "12.50", "raised"), ("125", "8", "cut")):
        run = running(f"{opened} 130 75 100", FLAT, "300 300 300 300", FLAT)
        parent, down, up = bracket(
            run, stop="50", target="300", entry=terms(notional="1000"), units="10"
        )
        step(run)
        told = f"{done} to the {units} that its parent filled"
        for _ in range(2):
            assert now(run, parent).filled_quantity == Decimal(units)
            assert [now(run, each).quantity for each in (down, up)] == [Decimal(units)] * 2
            assert now(run, up).status_reason == told
            run = killed(run)
        step(run)
        settled = step(run)
        assert made(run)[-1] == (DAYS[3], f"-{Decimal(units).normalize():f}", "300")
        assert settled.mark.positions == ()
        assert now(run, up).status == "filled"


def test_a_child_for_a_part_of_its_parent_stays_one() -> None:
    run = running("50 50 50 50", FLAT)
    parent = run.submit("AAA", "buy", "10", terms(notional="1000"))
    ties = {"parent_id": parent.client_order_id}
    part = run.submit("AAA", "sell", "4", terms("limit", "gtc", limit_price="300", **ties))
    more = run.submit("AAA", "sell", "30", terms("limit", "gtc", limit_price="300", **ties))
    step(run)
    assert [now(run, each).quantity for each in (part, more)] == [4, 20]


def test_a_child_that_was_resized_is_known_by_its_id_after_a_crash() -> None:
    run = running("125 125 125 125", FLAT, actions=[split("AAA", DAYS[3], "2:1")])
    parent = run.submit("AAA", "buy", "10", terms(notional="1000"))
    asked = run.order(
        *("AAA", "sell", "10"),
        terms("stop", "gtc", stop_price="9", parent_id=parent.client_order_id),
    )
    assert run.exchange.submit(asked).status == "intent"
    for _ in range(3):
        step(run)
        for each in (run, killed(run)):
            assert each.exchange.submit(asked) == now(run, asked)
            with pytest.raises(Conflict, match="other content"):
                each.exchange.submit(asked.model_copy(update={"side": "buy"}))


def test_a_parent_that_was_split_between_its_fills_is_exited_whole() -> None:
    bars = ["100 100 100 100 40", "50 50 50 50 1000", "50 50 50 50", FLAT]
    run = running(*bars, execution=CAPPED, actions=[split("AAA", DAYS[2], "2:1")])
    _, down, up = bracket(run, stop="20", target="200", entry=terms(force="gtc"))
    step(run)
    run = killed(run)
    (position,) = step(run).mark.positions
    assert position.quantity == 20
    assert [now(run, each).quantity for each in (down, up)] == [20, 20]
    assert [now(killed(run), each).quantity for each in (down, up)] == [20, 20]


def test_cancelling_a_parent_cancels_what_waits_for_it() -> None:
    run = running(FLAT, FLAT)
    entry = terms("limit", "gtc", limit_price="50")
    parent, down, up = bracket(run, stop="40", target="60", entry=entry)
    run.exchange.cancel(parent.client_order_id)
    assert [now(run, each).status for each in (parent, down, up)] == ["cancelled"] * 3
    assert len(run.end().orders) == 3


def test_a_child_of_an_unknown_parent_is_rejected_and_one_of_a_filled_one_works_at_once() -> None:
    run = running(FLAT, FLAT, FLAT)
    orphan = run.submit("AAA", "sell", "1", terms(parent_id="nobody"))
    assert way(orphan) == ["intent", "submitted", "rejected"]
    parent = run.submit("AAA", "buy", "5")
    step(run)
    late = run.submit("AAA", "sell", "5", terms(parent_id=parent.client_order_id))
    assert late.status == "accepted"
    step(run)
    assert now(run, late).status == "filled"


def test_every_history_is_a_path_of_moves() -> None:
    run = running("100 110 90 105 400", "95 120 80 85 300", FLAT, FLAT, execution=CARRIED)
    bracket(run, stop="95", target="108", units="80")
    run.submit("AAA", "buy", "70", terms(force="fok"))
    run.submit("AAA", "sell", "70", terms("trailing_stop", trail_share="0.1"))
    seen: dict[str, Order] = {}
    for _ in range(3):
        for each in step(run).orders:
            seen[each.client_order_id] = each
        run = killed(run)
    assert len(seen) == 5
    for each in seen.values():
        assert each.history[0].status == "intent"
        assert each.history[-1].status == each.status
        for earlier, later in pairwise(each.history):
            assert later.status in MOVES[earlier.status]
            assert earlier.at <= later.at
