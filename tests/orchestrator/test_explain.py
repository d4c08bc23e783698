"""A trade's chain holds every link that its run kept, in order, and says which it did not keep."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.store.connect import Store, open_store
from orchestrator.explain import explain_trade
from orchestrator.trade_list import find_order, list_trades
from schemas.audit import TradeChain
from schemas.errors import InvalidRequest, NotFound
from schemas.orders import Terms
from tests.orchestrator.explained import (
    DENIED,
    FIRST,
    MON,
    OPEN,
    SEEN,
    TUE,
    WED,
    Lived,
    call,
    journal,
    lived,
    moved,
    order,
    place,
    remembered,
    searched,
    turn,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home: Path = tmp_path_factory.mktemp("explained")
    opened = open_store(None, home)
    yield opened
    opened.close()


def chain_of(run: Lived, name: str) -> TradeChain:
    return explain_trade(run.job, run.run, name, run.store, journal=journal())


def test_the_chain_goes_from_data_to_ledger(store: Store) -> None:
    chain = chain_of(lived(store, "whole"), FIRST)
    assert (chain.tick, chain.session) == (1, TUE)
    assert [each.call for each in chain.data_seen] == [SEEN, place(error=True)]
    assert [each.query for each in chain.recalls] == ["what about AAA?"]
    (search,) = chain.recalls
    assert [each.memory.text for each in search.memories] == ["AAA fell in March."]
    assert search.proven
    assert chain.memories_known == 1
    assert chain.model is not None
    assert (chain.model.model, chain.model.steps) == ("some:model", 4)
    assert chain.model.usage.cost_usd_micro == 1234
    assert chain.proposal is not None
    assert (chain.proposal.rationale, chain.proposal.confidence) == ("AAA is cheap.", 0.7)
    assert chain.placed_by is not None
    assert chain.placed_by.position == 3
    assert chain.gate.passed is True
    assert [each.status for each in chain.order.history] == [
        "intent", "submitted", "accepted", "partially_filled", "filled",
    ]  # fmt: skip
    assert [(each.tick, each.fill.quantity) for each in chain.fills] == [(1, 10), (2, 5)]
    assert [each.fill.commission for each in chain.fills] == [Decimal("1.00")] * 2
    assert [each.tick for each in chain.ledger] == [1, 2]
    assert all(each.verified for each in chain.ledger)
    units = [
        entry.quantity
        for each in chain.ledger
        for entry in each.transaction.entries
        if entry.quantity is not None
    ]
    assert units == [10, 5]
    assert chain.missing == ()


def test_a_denied_order_shows_the_limit_and_nothing_after_the_gate(store: Store) -> None:
    chain = chain_of(lived(store, "denied"), DENIED)
    assert chain.gate.passed is False
    assert chain.gate.remark == "selling 15 AAA exceeds what is held"
    assert (chain.fills, chain.ledger) == ((), ())
    assert chain.placed_by is not None
    assert chain.placed_by.position == 5


def test_a_search_that_gives_another_answer_now_is_not_proven(store: Store) -> None:
    run = Lived(store.ticks, "unproven")
    run.commit(MON, memories=(remembered("AAA was split."),))
    run.commit(TUE, as_of=OPEN, decisions=(turn(searched("AAA"), place()),), orders=(order(FIRST),))
    (search,) = chain_of(run, FIRST).recalls
    assert [each.memory.text for each in search.memories] == ["AAA was split."]
    assert not search.proven
    without = explain_trade(run.job, run.run, FIRST, run.store)
    assert without.recalls[0].memories == ()


def test_an_altered_ledger_is_not_verified_from_there_on(store: Store) -> None:
    run = Lived(store.ticks, "altered")
    run.commit(MON)
    run.fill(TUE, FIRST, 10)
    run.commit(TUE, orders=(moved(order(FIRST), "submitted", "partially_filled", filled="10"),))
    run.fill(WED, FIRST, 5)
    honest = run.days.end(WED)
    posted = honest.transactions[0]
    forged = posted.model_copy(update={"description": "another story"})
    altered = honest.model_copy(update={"transactions": (forged,)})
    run.store.commit(run.run.run_id, 1, altered)
    chain = chain_of(run, FIRST)
    assert [each.verified for each in chain.ledger] == [True, False]
    assert chain.verification.fault is not None
    assert chain.verification.fault.transaction == posted.sequence


def test_of_orders_alike_each_has_its_own_call(store: Store) -> None:
    run = Lived(store.ticks, "alike")
    run.commit(MON)
    names = ["b" * 32, "c" * 32]
    run.commit(
        TUE,
        decisions=(turn(place(), SEEN, place()),),
        orders=tuple(order(name, n) for n, name in enumerate(names)),
    )
    positions = [chain_of(run, name).placed_by for name in names]
    assert [each.position for each in positions if each] == [0, 2]
    assert chain_of(run, names[0]).gate.passed is None


def test_a_rebalance_and_a_brackets_exits_are_found_by_what_placed_them(store: Store) -> None:
    run = Lived(store.ticks, "bracket")
    run.commit(MON)
    weights = call("trading_rebalance_to_weights", weights={"AAA": "0.5"}, reason="drift")
    exit_terms = Terms(
        order_type="limit", limit_price=Decimal(120), time_in_force="gtc", parent_id="d" * 32
    )
    run.commit(
        TUE,
        decisions=(turn(weights, place()),),
        orders=(
            order("e" * 32, 0, reason="drift"),
            order("d" * 32, 1),
            order("f" * 32, 2, side="sell", terms=exit_terms),
        ),
    )
    found = {name: chain_of(run, name * 32).placed_by for name in "edf"}
    assert {name: each.position for name, each in found.items() if each} == {"e": 0, "d": 1, "f": 1}


def test_what_the_ticks_do_not_tell_is_named(store: Store) -> None:
    run = Lived(store.ticks, "gaps")
    run.commit(MON)
    run.commit(
        TUE,
        decisions=(turn(SEEN, order_ids=["a" * 32]),),
        orders=(
            order("a" * 32),
            order("b" * 32, agent="operator"),
            order("c" * 32, 1).model_copy(
                update={"status": "filled", "filled_quantity": Decimal(15), "history": ()}
            ),
        ),
    )
    assert chain_of(run, "a" * 32).missing == (
        "no tool call of the turn can be told to have placed the order",
    )
    outside = chain_of(run, "b" * 32)
    assert (outside.model, outside.proposal) == (None, None)
    assert "placed otherwise" in outside.missing[0]
    assert chain_of(run, "c" * 32).missing[1:] == (
        "the order keeps no transitions",
        "the order says that 15 units filled, its fills say 0",
    )


def test_an_order_is_found_by_the_start_of_its_id_and_a_wrong_one_gets_a_hint(store: Store) -> None:
    run = lived(store, "found")
    assert find_order(run.job, FIRST, run.store) == (run.run, FIRST)
    assert find_order(run.job, FIRST[:7], run.store) == (run.run, FIRST)
    with pytest.raises(InvalidRequest, match="2 orders of job found begin with 'aaaaaa'"):
        find_order(run.job, "aaaaaa", run.store)
    for wrong in ("nothing", "", "aaa"):
        with pytest.raises(NotFound, match="`alphashield audit trades found` lists"):
            find_order(run.job, wrong, run.store)
    with pytest.raises(NotFound, match="audit trades found"):
        chain_of(run, "nothing")


def test_the_list_has_every_order_once_with_what_it_came_to(store: Store) -> None:
    run = lived(store, "list")
    first, denied = list_trades(run.job, run.store)
    assert (first.order_id, first.status, first.filled_quantity) == (FIRST, "filled", 15)
    assert (first.amount, first.costs) == (Decimal("1500.00"), Decimal("2.60"))
    assert (denied.status, denied.amount, denied.realised_gain) == ("denied", 0, None)
