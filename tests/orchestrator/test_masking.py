"""A masked run is the plain run in other words: the same ledger, and nothing real was said."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from adapters.documents.local import LocalDocuments
from adapters.model.scripted import ScriptedModel
from adapters.wiring import System
from interfaces.model import ChatModel, ModelRequest, ToolCall, ToolResult, Turn
from orchestrator import worker
from orchestrator.worker import Worker
from schemas.errors import UntrustworthyData
from schemas.jobs import Job, SimulationRequest
from schemas.tick import Tick
from tests.orchestrator.runs import finish, look, queue, run, ticks_of, trading
from tests.orchestrator.test_corporate_actions import as_traded, asked, on

pytestmark = pytest.mark.usefixtures("looked")

MODELS = tuple(
    f"baseline:{policy}"
    for policy in ("rules", "buy-and-hold", "equal-weight", "momentum", "min-variance")
)
NAMES = ("AAPL", "AMD", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO", "LLY", "MRK", "XOM")
TURN: dict[str, Any] = {"start_date": date(2020, 1, 31), "end_date": date(2020, 2, 3)}
"""Two sessions and a month's turn: every baseline acts on both."""
NEWS: tuple[dict[str, Any], ...] = (
    {
        "title": "Apple to report on March 5, 2020",
        "date": "2020-01-02T12:00:00Z",
        "symbols": ["AAPL", "TSLA"],
        "text": "Apple Inc. (NASDAQ: AAPL) sold more iPhones in Q4 2019 than in FY18, said Tim "
        "Cook on 28 Jan 2020. $KO and Coca-Cola fell on 1/28/2020, Tesla rose. See https://apple.com/ir.",
    },
)


@pytest.fixture(scope="module")
def looked(system: System) -> Iterator[None]:
    """Let the canaries, who meet no model, be looked for once."""
    seen = look(system, trading())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "check_canaries", lambda *_: seen)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]  # whatever is asked
        yield


class Recording:
    """A model that lets everything it is shown be read afterwards, as text."""

    def __init__(self, model: ChatModel) -> None:
        self.name = model.name
        self.shown: list[str] = []
        self._model = model

    async def complete(self, request: ModelRequest) -> Turn:
        self.shown += [message.model_dump_json() for message in request.messages]
        self.shown += [spec.model_dump_json() for spec in request.tools]
        self.shown.append(json.dumps(request.output_type.model_json_schema()))
        return await self._model.complete(request)


@dataclass(frozen=True, slots=True)
class Played(System):
    """A system with one model in every run."""

    played: ChatModel = field(kw_only=True)

    def model(self, name: str) -> ChatModel:
        return self.played


def playing(system: System, model: ChatModel, **changes: Any) -> Played:
    """Return the system with this model in every run."""
    parts: dict[str, Any] = {each.name: getattr(system, each.name) for each in fields(system)}
    return Played(**{**parts, **changes}, played=model)


def content(ticks: tuple[Tick, ...]) -> list[dict[str, Any]]:
    """Return ticks without what depends on the request's own identity: ids and hashes."""
    order_ids: dict[str, str] = {}
    gone = {"hash", "previous", "ledger_hash", "result_sha256", "transaction_id", "memory_id"}
    for tick in ticks:
        for order in tick.orders:
            order_ids[order.client_order_id] = f"order {len(order_ids)}"
        order_ids |= {
            fill.fill_id: f"a fill of {order_ids[fill.client_order_id]}" for fill in tick.fills
        }

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            pairs = cast("dict[str, Any]", value).items()
            return {key: strip(each) for key, each in pairs if key not in gone}
        if isinstance(value, list):
            return [strip(each) for each in cast("list[Any]", value)]
        return order_ids.get(value, value) if isinstance(value, str) else value

    return [strip(tick.model_dump(mode="json")) for tick in ticks]


def both(system: System, request: SimulationRequest) -> tuple[Job, Job]:
    """Run a request plainly and behind a mask."""
    return run(system, request), run(system, request.model_copy(update={"mask": True}))


def assert_same(system: System, plain: Job, masked: Job) -> None:
    assert (plain.state, masked.state) == ("completed", "completed"), masked.error
    for one, other in zip(ticks_of(system, plain), ticks_of(system, masked), strict=True):
        assert content(one) == content(other)


def test_every_baseline_keeps_the_same_books_to_the_micro_behind_a_mask(system: System) -> None:
    request = trading(*MODELS, universe=NAMES[:6], **TURN)
    plain, masked = both(system, request)
    assert_same(system, plain, masked)
    assert all(any(tick.fills for tick in ticks) for ticks in ticks_of(system, plain))


def random_request(number: int) -> SimulationRequest:
    draw = random.Random(number)
    start = date(draw.randint(1992, 2021), draw.randint(1, 12), draw.randint(24, 28))
    return trading(
        draw.choice(MODELS),
        start_date=start,
        end_date=date.fromordinal(start.toordinal() + draw.randint(5, 9)),
        universe=tuple(draw.sample(NAMES, draw.randint(1, 8))),
        cadence=draw.choice(("daily", "weekly", "monthly")),
        seed=draw.randrange(1000),
    )


@pytest.mark.parametrize("number", range(3))
def test_whatever_is_asked_for_the_books_are_the_same(system: System, number: int) -> None:
    assert_same(system, *both(system, random_request(number)))


@pytest.mark.long
@pytest.mark.parametrize("number", range(3, 60))
def test_whatever_else_is_asked_for_the_books_are_the_same(system: System, number: int) -> None:
    assert_same(system, *both(system, random_request(number)))


def test_corporate_actions_do_to_a_masked_run_what_they_do_to_a_plain_one(
    system: System,
) -> None:
    there = on(system, as_traded())  # a split, dividends, a change of ticker, a merger for cash
    request = asked("baseline:rules", start_date=date(2020, 2, 10), end_date=date(2020, 3, 18))
    plain, masked = both(there, request)
    assert_same(there, plain, masked)
    (audit,) = Worker(there, name="auditor").audit(masked.job_id)
    assert audit.findings == ()


@pytest.fixture
def library(tmp_path: Path) -> LocalDocuments:
    (tmp_path / "2020-01-02 Apple.json").write_text(json.dumps(list(NEWS)), encoding="utf-8")
    return LocalDocuments(tmp_path)


class Curious:
    """A model that calls every tool it has, also wrongly, and remembers what it read."""

    name = "scripted:curious"

    def __init__(self) -> None:
        self.results: dict[str, ToolResult] = {}

    async def complete(self, request: ModelRequest) -> Turn:
        results = [each for each in request.messages if isinstance(each, ToolResult)]
        self.results |= {each.call_id: each for each in results}
        if not results:
            return Turn(calls=(self._call("prices_list_symbols"), self._call("search_news")))
        listed = results[0].structured
        assert listed is not None
        if len(results) == 2:
            return Turn(calls=tuple(self._everything(listed["symbols"], results[1])))
        held = self.results["place"].structured
        assert held is not None
        answer: dict[str, Any] = {
            "kind": "alpha_trading",
            "action": "invest",
            "rationale": f"Bought {held['symbol']}; " + str(results[1].structured),
            "confidence": 0.5,
            "target_weights": [{"symbol": held["symbol"], "weight": "0.5"}],
            "order_ids": [held["client_order_id"]],
        }
        return Turn(answer=json.dumps({**answer, "rationale": answer["rationale"][:1900]}))

    def _everything(self, symbols: Any, news: ToolResult) -> Iterator[ToolCall]:
        one, two = symbols[0], symbols[-1]
        yield self._call("prices_get_bars", symbols=symbols, lookback=5)
        yield self._call("prices_get_bars", key="late", symbols=[one], start="2900-01-01")
        yield self._call("prices_get_quote", symbol=one)
        yield self._call("prices_get_quote", key="real", symbol="MSFT")
        yield self._call("prices_get_returns", symbols=[one, two], lookback=3)
        yield self._call("prices_get_calendar")
        yield self._call("prices_get_clock")
        yield self._call("search_documents", query=f"Company {one} earnings")
        yield self._call("memory_remember", text=str(news.structured)[:3000], symbols=[one])
        yield self._call("memory_recall", query="anything")
        yield self._call("quantum_optimize_portfolio", symbols=symbols)
        yield self._call("quantum_select_assets", symbols=symbols, choose=1)
        yield self._call("quantum_compare_methods", symbols=symbols)
        for tool in ("get_mode", "get_account", "get_positions", "list_orders"):
            yield self._call(f"trading_{tool}")
        order = {"symbol": one, "side": "buy", "quantity": "3.5", "reason": f"I like {one}"}
        yield self._call("trading_preview_order", symbol=one, side="sell", quantity="7")
        yield self._call("trading_place_order", key="place", **order)
        short = {**order, "side": "sell", "quantity": "1000000"}
        yield self._call("trading_place_order", key="short", **short)
        yield self._call(
            "trading_rebalance_to_weights", weights={one: "0.5", two: "0.2"}, reason="balance"
        )
        yield self._call("trading_list_orders", key="placed")

    @staticmethod
    def _call(tool: str, *, key: str | None = None, **arguments: Any) -> ToolCall:
        return ToolCall(call_id=key or tool, tool=tool, arguments=arguments)


def test_no_message_of_a_whole_run_names_anything_real(
    system: System, library: LocalDocuments
) -> None:
    curious = Curious()
    model = Recording(curious)
    played = playing(system, model, documents=library)
    job = run(played, trading("baseline:rules", mask=True, **TURN))
    assert job.state == "completed", job.error
    shown = "\n".join(model.shown)
    for real in ("AAPL", "JPM", "KO", "TSLA", "Apple", "Coca-Cola", "Tesla", "iPhone", "Tim Cook"):
        assert real not in shown
    assert re.findall(r".{20}(?<![\d.])(?:2019|2020)(?!\d).{9}", shown) == []
    for real in ("2020-0", "2019-", " 2019", "FY18", "1/28/2020", "apple.com"):
        assert real not in shown
    assert "Company S" in shown
    wrong = {name for name, result in curious.results.items() if result.is_error}
    assert wrong == {"late", "real"}
    assert curious.results["short"].structured["status"] == "denied"  # type: ignore[index]  # no error


def test_what_a_model_did_behind_a_mask_is_stored_in_real_words(
    system: System, library: LocalDocuments
) -> None:
    played = playing(system, Curious(), documents=library)
    plain = run(played, trading("baseline:rules", **TURN))
    job = run(played, trading("baseline:rules", mask=True, **TURN))
    (one,), (other,) = ticks_of(played, plain), ticks_of(played, job)
    for tick, was in zip(other, one, strict=True):
        (decision,), (before,) = tick.decisions, was.decisions
        called = {call.tool: call.arguments for call in decision.tool_calls}
        assert called["prices_get_bars"]["symbols"] == ["AAPL"]  # the last call of it
        assert called["trading_rebalance_to_weights"]["weights"] == {"AAPL": "0.5", "KO": "0.2"}
        assert decision.output is not None
        assert decision.output.target_weights[0].symbol == "AAPL"  # type: ignore[union-attr]
        assert [m.text for m in tick.memories if "Apple" in m.text] != []
        assert len(tick.memories) == len(was.memories) == 1
        assert before.tool_calls[-1].tool == decision.tool_calls[-1].tool
    placed = next(o for o in other[0].orders if o.side == "buy" and o.status != "denied")
    assert placed.symbol == "AAPL"
    assert placed.reason == "I like AAPL"
    assert placed.quantity in {3.5 * 2**exponent for exponent in range(1, 7)}


def test_a_run_behind_a_mask_says_so_and_how_to_repeat_it(system: System) -> None:
    job = run(system, trading("baseline:rules", mask=True, **TURN))
    store = system.store.artifacts
    results = json.loads(store.get(job.job_id, "results.json"))["jobs"][0]
    said = "Names, tickers, dates and units were hidden from the models."
    assert said in results["assumptions"]
    assert said in store.get(job.job_id, "report.html").decode()
    assert " --mask" in json.loads(store.get(job.job_id, "manifest.json"))["repeat"]


def test_the_audit_of_a_masked_run_finds_nothing_and_of_a_plain_one_everything(
    system: System,
) -> None:
    plain, masked = both(system, trading("baseline:rules", "baseline:momentum", **TURN))
    auditor = Worker(system, name="auditor")
    for audit in auditor.audit(masked.job_id):
        assert (audit.masked, audit.findings) == (True, ())
        assert audit.sessions == 2
        assert audit.messages > audit.requests > 0
    audits = auditor.audit(plain.job_id)
    assert [audit.run_id for audit in audits] == [each.run_id for each in plain.runs]
    for audit in audits:
        found = {(finding.kind, finding.what) for finding in audit.findings}
        assert {("ticker", "AAPL"), ("ticker", "KO"), ("date", "2020")} <= found
        assert {f.where for f in audit.findings} >= {"task", "answer of prices_list_symbols"}
    (one,) = auditor.audit(plain.runs[1].run_id)
    assert one == audits[1]


def test_an_audit_of_a_run_that_does_not_repeat_says_that_it_cannot_tell(system: System) -> None:
    job = run(system, trading("baseline:equal-weight", mask=True, **TURN))
    silent = ScriptedModel([Turn(answer='{"kind": "lender"}')] * 99, name="baseline:equal-weight")
    with pytest.raises(UntrustworthyData, match="does not repeat"):
        Worker(playing(system, silent), name="auditor").audit(job.job_id)


def test_a_masked_run_that_was_stopped_goes_on_under_the_same_aliases(system: System) -> None:
    request = trading("baseline:equal-weight", mask=True, **TURN)
    heard: list[list[str]] = []
    for _ in range(2):
        model = Recording(system.model("baseline:equal-weight"))
        finish(playing(system, model), queue(system, request).job_id)
        heard.append(model.shown)
    assert heard[0] == heard[1]
