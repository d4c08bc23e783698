"""The canary suite: silent over honest parts, and each canary loud when its own part leaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from adapters.broker.simulated import SimulatedBroker
from adapters.clock import SimulatedClock
from adapters.documents import joined, local
from adapters.documents.corpus import Corpus, micros_of
from adapters.documents.dataset import DatasetDocuments
from adapters.market import parts
from adapters.market.table import PriceTable
from adapters.memory.run_memory import RunMemoryBook
from adapters.wiring import RunPorts, System, bait_for, run_ports
from interfaces.canaries import LATER_WORD, TOLD_WORD, Bait
from interfaces.documents import DocumentSource
from interfaces.market import (
    AS_KNOWN,
    AS_TRADED,
    Bars,
    Closes,
    MacroSeries,
    MarketData,
    MarketView,
    Reading,
)
from orchestrator import worker
from orchestrator.canary_horizon import twins
from orchestrator.canary_probes import borrower, probes
from orchestrator.worker import check_canaries
from schemas.canaries import CanaryReport
from schemas.documents import FoundDocument
from schemas.errors import LookAhead, NotFound
from schemas.execution import ExecutionModel
from schemas.memory import MemoryRecord, RecalledMemory
from tests.orchestrator.markets import OneMarket
from tests.orchestrator.reading import read
from tests.orchestrator.runs import lending, run, trading

DAY = timedelta(days=1)
NAMES = [
    *("future-prices", "current-session", "restated-values", "later-facts", "ticker-reuse"),
    *("documents", "error-horizon", "memory", "settlement"),
]
NAMING = {"symbol", "symbols", "weights", "series", "universe"}
"""Arguments that name what may be yet to come."""
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


@pytest.fixture
def offered(system: System, bait: Bait) -> dict[str, set[str]]:
    """The arguments of every tool that a run has, by the tool's name."""
    request = lending(application=borrower(bait))
    ports = run_ports(system, request, run_key="k", bait=bait)
    servers = worker._servers(system, request, ports, run_key="k")
    tools = [tool for server in servers.values() for tool in asyncio.run(server.list_tools())]
    return {tool.name: set(tool.input_schema["properties"]) for tool in tools}


@pytest.fixture
def bait(system: System) -> Iterator[Bait]:
    with bait_for(system.catalog.open("bundled").info(), date(2020, 1, 29)) as bait:
        yield bait


@pytest.mark.promise("no-look-ahead")
def test_every_tool_of_a_run_is_asked(bait: Bait, offered: dict[str, set[str]]):
    asked = {probe.tool for probe in probes(bait)} | {"memory_recall"}
    assert asked == set(offered)


@pytest.mark.promise("no-look-ahead")
def test_every_tool_that_takes_a_name_is_asked_for_one_to_come_and_for_one_that_is_none(
    bait: Bait, offered: dict[str, set[str]]
):
    naming = {tool for tool, arguments in offered.items() if arguments & NAMING}
    assert {probe.tool for probe in twins(bait, bait.unknown)} == naming


@pytest.mark.promise("no-look-ahead")
def test_the_poison_is_where_it_is_looked_for(bait: Bait):
    """A view from after the data shows every kind of poison: silence is not for want of any."""
    view = bait.market.view(bait.calendar.closes_at(bait.sessions[-1]) + DAY)
    shown = {
        "bars": [view.bars(one, how=AS_TRADED) for one in (bait.listed, bait.contested)],
        "actions": view.actions(),
        "renamed": view.symbols(),
        "members": view.members(bait.universe),
        "series": [view.macro(one) for one in (bait.series, bait.unlisted)],
        "texts": [found.title for found in view.documents("merger", limit=50)],
    }
    assert all(np.isin([95959.25], bars.close).all() for bars in shown["bars"][:1])
    assert {one.kind for one in shown["actions"]} >= {"split", "cash_dividend", "ticker_change"}
    assert set(bait.coming) <= set(bait.market.info().symbols)
    assert set(bait.coming[:2]) <= set(shown["renamed"])
    assert shown["members"] == (bait.contested,) or bait.listed not in shown["members"]
    assert 95959.25 in shown["series"][0].values
    assert {title.split()[-1] for title in shown["texts"]} == {LATER_WORD, TOLD_WORD}


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

    def closes(self, symbols: Sequence[str], lookback: int, **how: Any) -> Closes:
        return self.honest.closes(symbols, lookback, **how)

    def last_close(self, symbol: str) -> tuple[date, float] | None:
        return self.honest.last_close(symbol)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.honest, name)


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

    def closes(self, symbols: Sequence[str], lookback: int, **how: Any) -> Closes:
        closes = self.honest.closes(symbols, lookback, **how)
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


class Restates(_View):
    """Shows the days that are past as they will have been restated."""

    def bars(self, symbol: str, **window: Any) -> Bars:
        honest = self.honest.bars(symbol, **window)
        if not len(honest.sessions):
            return honest
        start, end = honest.sessions[[0, -1]].tolist()
        return self.last.bars(symbol, start=start, end=end, how=AS_TRADED)


class FirstPublished(_View):
    """Knows no value but the one that was published first."""

    def bars(self, symbol: str, how: Reading = AS_KNOWN, **window: Any) -> Bars:
        return self.honest.bars(symbol, how=replace(how, vintage="first"), **window)


class Revises(_View):
    """Shows the newest vintage there will be, of periods that are known."""

    def macro(self, series: str, **asked: Any) -> MacroSeries:
        honest = self.honest.macro(series, **asked)
        return replace(honest, values=self.last.macro(series).values[: len(honest.values)])


class Announces(_View):
    """Lists actions that nobody has heard of yet."""

    def actions(self, symbol: str | None = None, **span: Any) -> Any:
        return self.last.actions(symbol, **span)


class AdjustsEarly(_View):
    """Adjusts for a split of the past that is found out later."""

    def bars(self, symbol: str, **window: Any) -> Bars:
        bars = self.honest.bars(symbol, **window)
        for action in self.last.actions():
            past = action.ex_date < self.as_of.date() and action.known_time >= self.as_of
            if action.kind == "split" and action.instrument == symbol and past:
                before = bars.sessions < np.datetime64(action.ex_date)
                bars = replace(bars, close=bars.close / np.where(before, float(action.ratio), 1))
        return bars


class AdmitsEarly(_View):
    """Counts as a member whoever will be one."""

    def members(self, universe: str) -> tuple[str, ...]:
        return tuple(sorted({*self.honest.members(universe), *self.last.members(universe)}))


class ForeseesReleases(_View):
    """Lists the series that will be published."""

    def macro_series(self) -> Any:
        return self.last.macro_series()


class MergesCompanies(_View):
    """Takes a ticker for one company, whoever bore it."""

    def bars(self, symbol: str, **window: Any) -> Bars:
        own = self.honest.bars(symbol, **window)
        try:
            other = self.honest.bars(f"{symbol}.1", **window)
        except NotFound:
            return own
        parts = ("sessions", "open", "high", "low", "close", "volume")
        both = {name: np.r_[getattr(other, name), getattr(own, name)] for name in parts}
        return replace(own, **both)


class ForgetsTheFormer(_View):
    """Loses a company as soon as another one bears its ticker."""

    def last_close(self, symbol: str) -> tuple[date, float] | None:
        return None if "." in symbol else self.honest.last_close(symbol)


class HandsOverEarly(_View):
    """Gives a ticker to the company that will take it over, before it does."""

    def last_close(self, symbol: str) -> tuple[date, float] | None:
        found = self.last.last_close(f"{symbol}.1") if "." not in symbol else None
        return found or self.honest.last_close(symbol)

    def bars(self, symbol: str, **window: Any) -> Bars:
        try:
            return self.last.bars(f"{symbol}.1", **window)
        except NotFound:
            return self.honest.bars(symbol, **window)


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

    def __init__(self, documents: DocumentSource) -> None:
        self._documents = documents

    def search(self, query: str, *, as_of: datetime, **rest: Any) -> tuple[FoundDocument, ...]:
        return self._documents.search(query, as_of=as_of + 400 * DAY, **rest)

    def digest(self, before: datetime) -> str:
        return self._documents.digest(before)


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

    def settle(self) -> None:
        prices = self._prices
        assert prices is not None
        real = prices.bar

        def bar(symbol: str) -> Any:
            found, before = real(symbol), prices.last_closes([symbol])
            last = before.get(symbol)
            return found if found is None or last is None else replace(found, open=last, close=last)

        prices.bar = bar
        super().settle()


def _shifted(clock: Any) -> SimulatedClock:
    return SimulatedClock(clock.now() + DAY)


def _broker(kind: type[SimulatedBroker], ports: RunPorts, **changes: Any) -> SimulatedBroker:
    inner = ports.exchange
    parts = {
        "clock": ports.clock,
        "market": inner._market,
        "run_key": "canaries",
        "currency": inner._currency,
        "execution": ExecutionModel(),
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
        "trading_get_positions showed",
        lambda p: replace(p, exchange=_broker(MarksEarly, p)),
    ),
    ("restated-values", "published only on", viewed_by(Restates)),
    ("restated-values", "proves nothing", viewed_by(FirstPublished)),
    ("restated-values", "prices_get_macro_series showed a value", viewed_by(Revises)),
    ("later-facts", "prices_get_corporate_actions", viewed_by(Announces)),
    ("later-facts", "prices_get_bars answered otherwise", viewed_by(AdjustsEarly)),
    ("later-facts", "prices_get_universe", viewed_by(AdmitsEarly)),
    ("later-facts", "prices_list_macro_series", viewed_by(ForeseesReleases)),
    ("ticker-reuse", "does not belong to the name", viewed_by(MergesCompanies)),
    ("ticker-reuse", "proves nothing", viewed_by(ForgetsTheFormer)),
    ("ticker-reuse", "prices_get_", viewed_by(HandsOverEarly)),
    ("documents", "undated or", lambda p: replace(p, documents=Timeless(p.documents))),
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


def _dating(column: str, *sources: str) -> type[DatasetDocuments]:
    """Return a data set's texts that take a date from the first column that has one."""

    class Rewritten(DatasetDocuments):
        def __init__(self, table: pa.Table) -> None:
            taken = pc.coalesce(*(table[source] for source in sources))
            super().__init__(table.set_column(table.schema.get_field_index(column), column, taken))

    return Rewritten


class Textless(DatasetDocuments):
    """Has lost all texts."""

    def __init__(self, table: pa.Table) -> None:
        super().__init__(table.slice(0, 0))


def _dated_anyhow(value: object) -> datetime:
    return _MOMENT(value) or datetime(2000, 1, 1, tzinfo=UTC)


_MOMENT = local._moment
SPOILT_SEARCH: list[tuple[Any, str, Any, str]] = [
    (parts, "DatasetDocuments", _dating("known_time", "published_at", "known_time"), "undated or"),
    (parts, "DatasetDocuments", _dating("published_at", "known_time"), "undated or"),
    (
        parts,
        "DatasetDocuments",
        _dating("published_at", "published_at", "known_time"),
        "undated or",
    ),
    (parts, "DatasetDocuments", Textless, "proves nothing"),
    (local, "_moment", _dated_anyhow, "undated or"),
    (local, "_read_all", lambda files: iter(()), "proves nothing"),
    (joined, "micros_of", lambda moment: micros_of(moment + DAY), "undated or"),
    (Corpus, "_known", lambda self, now: (len(self.labels), 0), "undated or"),
]
"""What is broken in the classes themselves of which a run's own search is made."""


@pytest.mark.promise("no-look-ahead")
@pytest.mark.parametrize(("where", "name", "broken", "says"), SPOILT_SEARCH)
def test_the_documents_canary_sings_when_the_search_of_a_run_is_broken(
    system: System,
    monkeypatch: pytest.MonkeyPatch,
    *,
    where: Any,
    name: str,
    broken: Any,
    says: str,
):
    monkeypatch.setattr(where, name, broken)
    report = check_canaries(system, trading())
    failed = {canary.name: canary.says for canary in report.canaries if not canary.passed}
    assert list(failed) == ["documents"]
    assert says in failed["documents"]


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
    assert "Checked before the run: 8 of 9 canaries silent" in page.words()
    assert any(row[1:2] == ["FAILED"] and "search_news" in row[2] for row in page.rows)


def test_a_jobs_results_and_report_say_what_was_checked(system: System):
    job = run(system, trading("baseline:buy-and-hold"))
    assert job.state == "completed"
    report = _stored(system, job.job_id)
    assert report == check_canaries(system, job.request)
    page = read(system.store.artifacts.get(job.job_id, "report.html").decode())
    assert "Checked before the run: 9 of 9 canaries silent" in page.words()
    assert all([canary.title, "silent", canary.says] in page.rows for canary in report.canaries)
    assert not page.unbalanced


def _stored(system: System, job_id: str) -> CanaryReport:
    (results,) = json.loads(system.store.artifacts.get(job_id, "results.json"))["jobs"]
    return CanaryReport.model_validate(results["canaries"])


def _leaking(monkeypatch: pytest.MonkeyPatch, spoil: Spoil) -> None:
    monkeypatch.setattr(worker, "run_ports", lambda *a, **k: spoil(run_ports(*a, **k)))
