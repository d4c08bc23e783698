"""Printing the chain behind a trade: one link after the other, as it came about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cli.output import counted, print_line, print_table
from schemas.agents import AgentOutput, ToolCallRecord
from schemas.audit import TradeChain
from schemas.base import plain

_HASH = 12
_ARGUMENTS = 60
_TEXT = 100


def print_chain(chain: TradeChain, *, model: str) -> None:
    """Print every link; a link that is empty says so."""
    order = chain.order
    print_line(f"order {chain.order_id}: {order.side} {plain(order.quantity)} {order.symbol}")
    print_line(
        f"run {chain.run_id} ({model}), session {chain.session}, tick {chain.tick}, decided at "
        f"{chain.as_of.isoformat()} on {', '.join(chain.events)}"
    )
    _data(chain)
    _memories(chain)
    _turn(chain)
    _gate(chain)
    _order(chain)
    _fills(chain)
    _ledger(chain)
    for sentence in chain.missing:
        print_line(f"missing: {sentence}")


def _link(name: str, said: str) -> None:
    print_line(f"\n{name}: {said}")


def _data(chain: TradeChain) -> None:
    _link("data seen", counted(len(chain.data_seen), "tool call"))
    _calls([(each.position, each.call) for each in chain.data_seen])


def _memories(chain: TradeChain) -> None:
    if not chain.recalls:
        _link("memories recalled", "none were searched")
        return
    known = f"{chain.memories_known} {'memory' if chain.memories_known == 1 else 'memories'}"
    _link("memories recalled", f"{counted(len(chain.recalls), 'search')} among {known}")
    _calls([(each.position, each.call) for each in chain.recalls])
    for search in chain.recalls:
        proof = "as answered" if search.proven else "searched again; the answer was not this one"
        for found in search.memories:
            said = f"{found.memory.known_time.date()}  {_cut(found.memory.text, _TEXT)}"
            print_line(f"  call {search.position}, {found.similarity:.2f}: {said} ({proof})")


def _turn(chain: TradeChain) -> None:
    asked, proposal = chain.model, chain.proposal
    if asked is None:
        _link("model", "none is known")
        return
    usage = asked.usage
    _link(
        "model",
        f"{asked.model} as {asked.agent}, {counted(asked.steps, 'step')}, {usage.input_tokens} "
        f"tokens in, {usage.output_tokens} out, {usage.cost_usd_micro / 1_000_000:.6f} USD",
    )
    if proposal is None:
        _link("proposal", f"none: {chain.abstention}")
    else:
        _proposal(proposal, proposal.action)
    if chain.placed_by is not None:
        call = chain.placed_by
        print_line(f"  placed by call {call.position}, {call.call.tool} {_arguments(call.call)}")


def _proposal(output: AgentOutput, action: str) -> None:
    _link("proposal", f"{action}, confidence {output.confidence:.2f}: {output.rationale}")
    if output.features:
        numbers = ", ".join(f"{name} {value:g}" for name, value in output.features.items())
        print_line(f"  on {numbers}")


def _gate(chain: TradeChain) -> None:
    gate = chain.gate
    found = {True: "passed", False: "denied", None: "not asked yet"}[gate.passed]
    at = f" at {gate.at.isoformat()}" if gate.at else ""
    _link("gate", f"{found}{at}" + (f": {gate.remark}" if gate.remark else ""))


def _order(chain: TradeChain) -> None:
    order, terms = chain.order, chain.order.terms
    prices = [
        f"{name} {plain(price)}"
        for name, price in (("limit", terms.limit_price), ("stop", terms.stop_price))
        if price is not None
    ]
    kind = " ".join([terms.order_type.replace("_", " "), *prices, terms.time_in_force])
    _link(
        "order",
        f"{kind}, {order.status}, {plain(order.filled_quantity)} of {plain(order.quantity)} units "
        f"filled; because: {order.reason}",
    )
    print_table(
        "",
        ("at", "status", "cause", "reason"),
        ((each.at.isoformat(), each.status, each.cause, each.reason) for each in order.history),
    )


def _fills(chain: TradeChain) -> None:
    _link("fills", counted(len(chain.fills), "fill"))
    if not chain.fills:
        return
    columns = (
        "session", ">units", ">reference", "at the", ">price", ">amount", ">commission", ">spread",
        ">slippage", ">impact", ">gain",
    )  # fmt: skip
    made = [each.fill for each in chain.fills]
    print_table(
        "",
        columns,
        (
            (
                each.session,
                plain(each.quantity),
                plain(each.reference_price),
                each.convention,
                plain(each.price),
                each.amount,
                each.commission,
                each.spread_cost,
                each.slippage_cost,
                each.impact_cost,
                each.realised_gain,
            )
            for each in made
        ),
    )


def _ledger(chain: TradeChain) -> None:
    for each in chain.ledger:
        sound = "verified" if each.verified else "ALTERED at or before it"
        transaction = each.transaction
        _link("ledger", f"transaction {transaction.sequence}, {transaction.description}: {sound}")
        print_table(
            "",
            ("account", ">amount", ">units", "lot", "hash"),
            (
                (
                    entry.account,
                    entry.amount,
                    None if entry.quantity is None else plain(entry.quantity),
                    entry.lot,
                    entry.hash[:_HASH],
                )
                for entry in transaction.entries
            ),
        )
    if not chain.ledger:
        _link("ledger", "nothing was booked")
    if chain.verification.fault is not None:
        fault = chain.verification.fault
        print_line(f"ledger ALTERED at transaction {fault.transaction}: {fault.what}")


def _calls(calls: Sequence[tuple[int, ToolCallRecord]]) -> None:
    if calls:
        print_table(
            "",
            (">call", "tool", "arguments", ">bytes", "result"),
            (
                (
                    position,
                    call.tool + (" (error)" if call.is_error else ""),
                    _arguments(call),
                    call.result_bytes,
                    call.result_sha256[:_HASH],
                )
                for position, call in calls
            ),
        )


def _arguments(call: ToolCallRecord) -> str:
    given: Any = call.arguments
    return _cut(json.dumps(given, ensure_ascii=False, sort_keys=True), _ARGUMENTS)


def _cut(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
