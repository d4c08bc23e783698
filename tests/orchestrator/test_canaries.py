"""The canary suite: silent over honest parts, and each canary loud when its own part leaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from adapters.broker.simulated import SimulatedBroker
from adapters.clock import SimulatedClock
from adapters.documents.local import LocalDocuments
from adapters.market.table import PriceTable
from adapters.memory.run_memory import RunMemoryBook
from adapters.wiring import RunPorts, System, bait_for, run_ports
from interfaces.canaries import LATER_WORD
from interfaces.market import Bars, Closes, MarketData, MarketView
from orchestrator import worker
from orchestrator.canary_probes import borrower, probes
from orchestrator.worker import check_canaries
from schemas.canaries import CanaryReport
from schemas.documents import FoundDocument
from schemas.errors import LookAhead, NotFound
from schemas.memory import MemoryRecord, RecalledMemory
from schemas.orders import CostModel
from tests.orchestrator.markets import OneMarket
from tests.orchestrator.reading import read
from tests.orchestrator.runs import lending, run, trading

DAY = timedelta(days=1)
NAMES = ["future-prices", "current-session", "documents", "error-horizon", "memory", "settlement"]
Spoil = Callable[[RunPorts], RunPorts]


def test_over_the_jobs_own_parts_every_canary_is_silent(system: System):
    report = check_canaries(system, trading())
    assert [canary.name for canary in report.canaries] == NAMES
    assert all(canary.passed for canary in report.canaries), report
    assert report.alarm is None
    assert report.session == date(2020, 1, 29)


def test_the_same_request_gives_the_same_words(system: System):
    assert check_canaries(system, lending()) == check_canaries(system, lending())


@pytest.mark.parametrize("close_only", [True, False])
@pytest.mark.parametrize(
    ("exchange", "start"),
    [
        ("XNYS", date(1970, 1, 2)),  # the calendar begins here
        ("XNYS", date(2049, 12, 30)),  # and ends here
        ("XASX", date(2019, 10, 7)),  # opens on the evening before in UTC
    ],
)
def test_they_are_silent_on_any_exchange_at_any_time(
    system: System, exchange: str, start: date, close_only: bool
):
    like = system.catalog.open("bundled").info()
    info = like.model_copy(update={"calendar": exchange, "close_only": close_only})
    elsewhere = replace(system, catalog=OneMarket(_Anywhere(info)))
    request = trading(data="bundled", universe=None, start_date=start, end_date=start)
    report = check_canaries(elsewhere, request)
    assert report.alarm is None, report


class _Anywhere(PriceTable):
    """A data set that claims to reach everywhere; the suite reads its conventions alone."""

    def __init__(self, info: Any) -> None:
        self._info = info

    def info(self) -> Any:
        return self._info

    def covers(self, start: date, end: date) -> bool:
        return True


def test_every_tool_of_a_run_is_asked(system: System):
    with bait_for(system.catalog.open("bundled").info(), date(2020, 1, 29)) as bait:
        request = lending(application=borrower(bait))
        ports = run_ports(system, request, run_key="k", symbols=(bait.listed,), bait=bait)
        servers = worker._servers(system, request, ports, "k")
        asked = {probe.tool for probe in probes(bait)} | {"memory_recall"}
        offered = {
            tool.name for server in servers.values() for tool in asyncio.run(server.list_tools())
        }
    assert asked == offered


# Leaking doubles: what each canary is there for.


class Peeking:
    """A market whose views are spoilt; `ahead` is how far they look."""

    def __init__(self, market: MarketData, ahead: timedelta = DAY) -> None:
        self._market = market
        self._ahead = ahead
        self.info, self.covers = market.info, market.covers

    def view(self, as_of: datetime) -> MarketView:
        return self._market.view(as_of + self._ahead)


class _View:
    """An honest view, to be spoilt in one method."""

    def __init__(self, market: MarketData, as_of: datetime) -> None:
        self.as_of = as_of
        self.honest = market.view(as_of)
        self.ahead = market.view(as_of + DAY)
        self.last = market.view(as_of + 400 * DAY)
        self.everything = market.info().symbols

    def symbols(self) -> tuple[str, ...]:
        return self.honest.symbols()

    def bars(self, symbol: str, **window: Any) -> Bars:
        return self.honest.bars(symbol, **window)

    def closes(self, symbols: Sequence[str], lookback: int) -> Closes:
        return self.honest.closes(symbols, lookback)

    def last_close(self, symbol: str) -> tuple[date, float] | None:
        return self.honest.last_close(symbol)


class AnswersWhenAsked(_View):
    """Gives tomorrow's bar to whoever asks for it by date."""

    def bars(self, symbol: str, **window: Any) -> Bars:
        view = self.last if window.get("end") or window.get("start") else self.honest
        return view.bars(symbol, **window)


class ClosesEarly(_View):
    """Takes the session's own close for the last one."""

    def last_close(self, symbol: str) -> tuple[date, float] | None:
        return self.ahead.last_close(symbol)


class BackAdjusted(_View):
    """Shows no later price, but a level that comes from one."""

    def closes(self, symbols: Sequence[str], lookback: int) -> Closes:
        closes = self.honest.closes(symbols, lookback)
        level = self.last.last_close(symbols[0]) or (None, 1.0)
        return replace(closes, values=closes.values + level[1] / 1000)


class NamesTheUnlisted(_View):
    """Lists every symbol that will ever be."""

    def symbols(self) -> tuple[str, ...]:
        return self.everything


class TellsTheHorizon(_View):
    """Says in a refusal how far the data goes."""

    def bars(self, symbol: str, **window: Any) -> Bars:
        try:
            return self.honest.bars(symbol, **window)
        except LookAhead as refusal:
            last, _ = self.last.last_close(symbol) or (None, None)
            raise LookAhead(f"the data ends on {last}") from refusal


class TellsTheListing(_View):
    """Refuses a symbol to come in other words than one that is none."""

    def last_close(self, symbol: str) -> tuple[date, float] | None:
        if self.honest.last_close(symbol) is None:
            return date(1990, 1, 2), 1.0
        return self.honest.last_close(symbol)


class KnowsNothing(_View):
    """Leaks nothing because it answers nothing."""

    def symbols(self) -> tuple[str, ...]:
        return ()

    def last_close(self, symbol: str) -> tuple[date, float] | None:
        raise NotFound("nothing is known")


def viewed_by(view: type[_View]) -> Spoil:
    class Spoilt(Peeking):
        def view(self, as_of: datetime) -> MarketView:
            return view(self._market, as_of)

    return lambda ports: replace(ports, market=Spoilt(ports.market))


class FastClock(SimulatedClock):
    """A clock that runs a day ahead of what it was set to."""

    def now(self) -> datetime:
        return super().now() + DAY


class Timeless:
    """A search over the future too."""

    def __init__(self, documents: LocalDocuments) -> None:
        self._documents = documents

    def search(self, query: str, *, as_of: datetime, **rest: Any) -> tuple[FoundDocument, ...]:
        return self._documents.search(query, as_of=as_of + 400 * DAY, **rest)


class Undated(Timeless):
    """Takes an undated document for one of just now."""

    def search(self, query: str, *, as_of: datetime, **rest: Any) -> tuple[FoundDocument, ...]:
        found = self._documents.search(query, as_of=as_of, **rest)
        if not (self._documents._folder / "undated.md").exists():
            return found
        return (*found, found[0].model_copy(update={"excerpt": LATER_WORD}))


class Ranked(Timeless):
    """Shows the past alone, but ranks it by how much is still to come."""

    def search(self, query: str, *, as_of: datetime, **rest: Any) -> tuple[FoundDocument, ...]:
        later = len(super().search(query, as_of=as_of, **rest))
        found = self._documents.search(query, as_of=as_of, **rest)
        return tuple(each.model_copy(update={"score": each.score / later}) for each in found)


class Eager(RunMemoryBook):
    """Recalls what is still to be committed."""

    def remember(self, record: MemoryRecord) -> None:
        super().remember(record)
        self.commit([record.model_copy(update={"known_time": record.known_time - DAY})])


class Clairvoyant(RunMemoryBook):
    """Recalls whatever it holds, whenever it was known."""

    def recall(
        self, query: str, *, agent: str, limit: int, as_of: datetime
    ) -> tuple[RecalledMemory, ...]:
        return super().recall(query, agent=agent, limit=limit, as_of=as_of + 400 * DAY)


class Forgetful(RunMemoryBook):
    """Recalls nothing at all."""

    def recall(self, query: str, **rest: Any) -> tuple[RecalledMemory, ...]:
        return ()


class MarksEarly(SimulatedBroker):
    """Values holdings at closes of the session under way."""

    def account(self) -> Any:
        honest, self._clock = self._clock, _shifted(self._clock)
        try:
            self._mark = None
            return super().account()
        finally:
            self._clock = honest


class FillsAtTheLastClose(SimulatedBroker):
    """Fills at the price everybody knew already."""

    def _references(self, view: MarketView, session: date) -> Any:
        real = super()._references(view, session)

        def reference(symbol: str) -> Any:
            found = real(symbol)
            close = view.bars(symbol, lookback=2).close[0]
            return replace(found, price=type(found.price)(repr(float(close))))

        return reference


def _shifted(clock: Any) -> SimulatedClock:
    return SimulatedClock(clock.now() + DAY)


def _broker(kind: type[SimulatedBroker], ports: RunPorts, **changes: Any) -> SimulatedBroker:
    inner = ports.exchange
    parts = {
        "clock": ports.clock,
        "market": inner._market,
        "run_key": "canaries",
        "currency": inner._currency,
        "costs": CostModel(),
    }
    return kind(**{**parts, **changes})


def _fast(ports: RunPorts) -> RunPorts:
    clock = FastClock(ports.clock.now())
    return replace(ports, clock=clock, exchange=_broker(SimulatedBroker, ports, clock=clock))


def _settles_early(ports: RunPorts) -> RunPorts:
    market = Peeking(ports.exchange._market)
    return replace(ports, exchange=_broker(SimulatedBroker, ports, market=market))


LEAKS: list[tuple[str, str, Spoil]] = [
    ("future-prices", "price", lambda p: replace(p, market=Peeking(p.market, 9 * DAY))),
    ("future-prices", "prices_get_bars showed a price", viewed_by(AnswersWhenAsked)),
    ("future-prices", "prices_get_returns answered otherwise", viewed_by(BackAdjusted)),
    ("future-prices", "not listed yet", viewed_by(NamesTheUnlisted)),
    ("future-prices", "proves nothing", viewed_by(KnowsNothing)),
    ("future-prices", "before it was made", _fast),
    ("current-session", "before it was made", lambda p: replace(p, market=Peeking(p.market))),
    ("current-session", "trading_preview_order showed", viewed_by(ClosesEarly)),
    (
        "current-session",
        "answered otherwise",
        lambda p: replace(p, exchange=_broker(MarksEarly, p)),
    ),
    ("documents", "undated or", lambda p: replace(p, documents=Timeless(p.documents))),
    ("documents", "undated or", lambda p: replace(p, documents=Undated(p.documents))),
    ("documents", "answered otherwise", lambda p: replace(p, documents=Ranked(p.documents))),
    ("error-horizon", "named the later date", viewed_by(TellsTheHorizon)),
    ("error-horizon", "tells a symbol not yet listed", viewed_by(TellsTheListing)),
    ("memory", "recalled in it", lambda p: replace(p, memories=Eager(p.memories._embedder))),
    ("memory", "a later moment", lambda p: replace(p, memories=Clairvoyant(p.memories._embedder))),
    ("memory", "proves nothing", lambda p: replace(p, memories=Forgetful(p.memories._embedder))),
    ("settlement", "before its close", _settles_early),
    (
        "settlement",
        "another session's price",
        lambda p: replace(p, exchange=_broker(FillsAtTheLastClose, p)),
    ),
]


@pytest.mark.parametrize(("name", "says", "spoil"), LEAKS)
def test_a_canary_fails_when_its_part_leaks(
    system: System, monkeypatch: pytest.MonkeyPatch, name: str, says: str, spoil: Spoil
):
    _leaking(monkeypatch, spoil)
    report = check_canaries(system, trading())
    failed = {canary.name: canary.says for canary in report.canaries if not canary.passed}
    assert name in failed, report
    assert says in failed[name], failed
    if name in ("documents", "memory"):  # nothing else stands on these parts
        assert list(failed) == [name]
    assert report.alarm is not None


def test_a_job_whose_tools_see_the_future_runs_nothing_and_says_which(
    system: System, monkeypatch: pytest.MonkeyPatch
):
    _leaking(monkeypatch, lambda p: replace(p, documents=Timeless(p.documents)))
    job = run(system, trading())
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.startswith("the canary 'documents' failed before the run: search_news showed")
    assert {(each.state, each.error) for each in job.runs} == {("failed", job.error)}
    assert not [tick for each in job.runs for tick in system.store.ticks.ticks(each.run_id)]
    report = _stored(system, job.job_id)
    assert [canary.name for canary in report.canaries if not canary.passed] == ["documents"]
    page = read(system.store.artifacts.get(job.job_id, "report.html").decode())
    assert "Checked before the run: 5 of 6 canaries silent" in page.words()
    assert any(row[1:2] == ["FAILED"] and "search_news" in row[2] for row in page.rows)


def test_a_jobs_results_and_report_say_what_was_checked(system: System):
    job = run(system, trading("baseline:buy-and-hold"))
    assert job.state == "completed"
    report = _stored(system, job.job_id)
    assert report == check_canaries(system, job.request)
    page = read(system.store.artifacts.get(job.job_id, "report.html").decode())
    assert "Checked before the run: 6 of 6 canaries silent" in page.words()
    assert all([canary.title, "silent", canary.says] in page.rows for canary in report.canaries)
    assert not page.unbalanced


def _stored(system: System, job_id: str) -> CanaryReport:
    (results,) = json.loads(system.store.artifacts.get(job_id, "results.json"))["jobs"]
    return CanaryReport.model_validate(results["canaries"])


def _leaking(monkeypatch: pytest.MonkeyPatch, spoil: Spoil) -> None:
    monkeypatch.setattr(worker, "run_ports", lambda *a, **k: spoil(run_ports(*a, **k)))
