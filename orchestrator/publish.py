"""A finished job's files: results, report, tables and manifest, as bytes."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib import metadata
from itertools import pairwise

from interfaces.calendar import TradingCalendar
from interfaces.documents import NO_DOCUMENTS
from interfaces.market import MarketData, MarketView
from interfaces.store import TickStore
from lending.schedule import split_principal
from orchestrator.jobs import sessions_of, universe_of
from orchestrator.loan_life import loan_of
from orchestrator.loan_result import loan_result
from orchestrator.report.files import render_files
from orchestrator.results import growth, run_result
from orchestrator.scorecard import scorecard, traded_bars
from orchestrator.universes import Days, is_member, members_over, universe_used
from orchestrator.yardsticks import (
    equal_weight_yardstick,
    index_yardstick,
    levels_of,
    tickers_at_the_end,
)
from schemas.base import CENT, plain
from schemas.canaries import CanaryReport
from schemas.jobs import Job, SimulationRequest
from schemas.market import DatasetInfo
from schemas.results import (
    BenchmarkResult,
    Execution,
    JobResults,
    Manifest,
    ManifestRun,
    ResultsBundle,
    RunResult,
)
from schemas.risk import BreakerEvent
from schemas.tick import Tick
from trading.breakers.portfolio import correlated, crowded
from trading.execution.words import execution_assumptions

SHAPING_LIBRARIES = ("cvxpy", "langgraph", "mcp", "numpy", "pydantic", "scipy", "skfolio")
"""Libraries whose version can move a figure."""


Sessions = tuple[date, ...]

LOAN_ASSUMPTIONS = (
    "The borrower pays up to the disposable income of the application every month.",
    "What neither fund nor borrower can pay is carried as arrears without penalty interest.",
    "The bootstrap draws blocks of months of an equal-weight basket, known at the decision.",
)

ACTION_ASSUMPTIONS = (
    "Splits and other corporate actions change what is held at the open of their ex-date.",
    "Dividends are credited in cash on the ex-date, before tax; benchmarks reinvest them.",
)


@dataclass(frozen=True, slots=True)
class Prices:
    """The data set of a job, and the calendars by name."""

    market: MarketData
    calendar: Callable[[str], TradingCalendar]


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which code made the results, when, and from which of the user's own documents."""

    code_version: str
    finished_at: datetime
    documents_hash: str = NO_DOCUMENTS


def publish(
    job: Job,
    *,
    ticks: TickStore,
    prices: Prices,
    stamp: Stamp,
    canaries: CanaryReport | None = None,
) -> dict[str, bytes]:
    """Score the job's runs as they stand and return its files by name."""
    committed = {run.run_id: tuple(ticks.ticks(run.run_id)) for run in job.runs}
    results = job_results(job, committed, prices).model_copy(update={"canaries": canaries})
    bundle = ResultsBundle(code_version=stamp.code_version, jobs=(results,))
    transactions = [
        (run.model, transaction)
        for run in job.runs
        for tick in committed[run.run_id]
        for transaction in tick.transactions
    ]
    return render_files(bundle, _manifest(job, results, stamp), transactions)


def job_results(job: Job, committed: Mapping[str, tuple[Tick, ...]], prices: Prices) -> JobResults:
    """Build the results of a job from the committed ticks of its runs, by run id."""
    request, info = job.request, prices.market.info()
    universe = universe_of(request, prices.market)
    used = universe_used(request, prices.market.reach())
    yardsticks = _yardsticks(request, prices)
    index = next((y for y in yardsticks if y.name in info.benchmarks), None)
    levels = levels_of(index, _capital(request)) if index is not None else None
    results: list[RunResult] = []
    for run in job.runs:
        done = committed[run.run_id]
        life = loan_of(request, prices.calendar(info.calendar).on_or_after)
        loan = None
        if life is not None and done:
            known = prices.market.view(done[0].as_of)
            basket = _basket(request, universe, done[0], prices.market)
            loan = loan_result(life, done, known=known, universe=basket, seed=request.seed)
        exchange = prices.calendar(info.calendar)
        score = (
            scorecard(done, seed=request.seed, bars=traded_bars(prices.market, exchange))
            if done
            else None
        )
        results.append(run_result(run, done, benchmark=levels, loan=loan, score=score))
    return JobResults(
        title=title_of(request),
        request=request,
        dataset=info,
        universe=universe,
        universe_used=used,
        runs=tuple(results),
        benchmarks=yardsticks,
        strategy_breakers=_together(request, committed, job),
        assumptions=(*assumptions_of(request, info), *_happened(request, universe, prices)),
    )


def _together(
    request: SimulationRequest, committed: Mapping[str, tuple[Tick, ...]], job: Job
) -> tuple[BreakerEvent, ...]:
    """Say which breakers would trip if the runs were strategies of one portfolio, at the end."""
    if len(job.runs) < 2:
        return ()
    returns: dict[str, list[float]] = {}
    for run in job.runs:
        points = growth(committed[run.run_id])
        if min(points) > 0:
            returns[run.model] = [after / before - 1 for before, after in pairwise(points)]
    limits = request.limits.breakers.model_copy(update={"mode": "record"})
    found = (*correlated(returns, limits), *crowded(list(returns), limits))
    return tuple(each.event for each in found)


def title_of(request: SimulationRequest) -> str:
    """Name a job in a few words."""
    span = f"{request.start_date} to {request.end_date}"
    if request.application is not None:
        a = request.application.application
        return f"Self-funding loan of {a.principal:,.0f} over {a.term_months} months, {span}"
    count = len(request.models)
    return f"Arena of {count} model{'s' if count > 1 else ''}, {span}"


def assumptions_of(request: SimulationRequest, info: DatasetInfo) -> tuple[str, ...]:
    """Say what a reader must know to read the figures."""
    said = [
        "A decision for a session sees only what was known before its open.",
        *execution_assumptions(request.execution, close_only=info.close_only),
        "Taxes on trading are not charged.",
        "Returns are time-weighted; 252 sessions make a year; the risk-free rate is taken as zero.",
        "Benchmarks pay no costs.",
    ]
    if request.mask:
        said.append("Names, tickers, dates and units were hidden from the models.")
    if info.actions:
        said += ACTION_ASSUMPTIONS
    if request.application is not None:
        said += LOAN_ASSUMPTIONS
    return tuple(said)


def _capital(request: SimulationRequest) -> Decimal:
    if request.application is None:
        return request.cash
    return max(split_principal(request.application.application).invested, CENT)


def _view_at_end(request: SimulationRequest, prices: Prices) -> tuple[MarketView, Sessions]:
    """Return the market once all sessions are past, and those sessions."""
    sessions = sessions_of(request, prices.market, prices.calendar)
    closes_at = prices.calendar(prices.market.info().calendar).closes_at(sessions[-1])
    return prices.market.view(closes_at + timedelta(microseconds=1)), sessions


def _basket(
    request: SimulationRequest, universe: tuple[str, ...], tick: Tick, market: MarketData
) -> tuple[str, ...]:
    """Return what a basket of the universe holds at a tick: the members then, if it is named."""
    stays = _stays(request, market.view(tick.as_of), market)
    if stays is None:
        return universe
    return tuple(sorted(symbol for symbol, each in stays.items() if is_member(each, tick.session)))


def _stays(
    request: SimulationRequest, view: MarketView, market: MarketData
) -> dict[str, tuple[Days, ...]] | None:
    """Return when each member of a named universe is one, by its ticker at the view's moment."""
    members = members_over(request, market.reach())
    if members is None:
        return None
    named = {view.ticker(instrument): days for instrument, days in members.items()}
    tradable = market.info().symbols
    return {ticker: days for ticker, days in named.items() if ticker in tradable}


def _tickers(
    request: SimulationRequest, view: MarketView, sessions: Sessions, prices: Prices
) -> dict[str, tuple[str, ...]]:
    """Return what the universe's tickers are called at the end, by the ticker asked for.

    Of a named universe without those who took a member's ticker over and never were one.
    """
    opens_at = prices.calendar(prices.market.info().calendar).opens_at(sessions[0])
    found = tickers_at_the_end(view, universe_of(request, prices.market), opens_at)
    stays = _stays(request, view, prices.market)
    if stays is None:
        return found
    return {
        symbol: tuple(name for name in names if name in stays) for symbol, names in found.items()
    }


def _happened(
    request: SimulationRequest, universe: tuple[str, ...], prices: Prices
) -> tuple[str, ...]:
    """Say which tickers changed in the run, and of which symbols the prices end before it does."""
    view, sessions = _view_at_end(request, prices)
    tickers = _tickers(request, view, sessions, prices)
    said = [
        f"{symbol} is called {name} at the end of the run."
        for symbol, names in tickers.items()
        for name in names
        if name not in universe
    ]
    for symbol in sorted({name for names in tickers.values() for name in names}):
        last = view.last_close(symbol)
        if last is None or not sessions[0] <= last[0] < sessions[-1]:
            continue
        said.append(f"{symbol} has no price after {last[0]}: {_left(view, symbol, last[0])}")
    return tuple(said)


def _left(view: MarketView, symbol: str, last: date) -> str:
    """Say what became of holdings of a symbol whose prices ended."""
    ends = ("cash_merger", "delisting")
    actions = view.actions(symbol, start=last + timedelta(days=1), end=view.as_of.date())
    for action in actions:
        if action.kind in ends and action.cash is not None:
            how = "bought out" if action.kind == "cash_merger" else "delisted"
            return f"it was {how} for {plain(action.cash)} a unit, paid on {action.ex_date}."
    delisted = next((f"it was delisted on {a.ex_date}; " for a in actions if a.kind in ends), "")
    return f"{delisted}what is held of it keeps that value and cannot be sold."


def _yardsticks(request: SimulationRequest, prices: Prices) -> tuple[BenchmarkResult, ...]:
    """Compute the yardsticks once all sessions are past."""
    view, sessions = _view_at_end(request, prices)
    capital = _capital(request)
    found = [
        index_yardstick(view, symbol, sessions, capital)
        for symbol in prices.market.info().benchmarks
    ]
    stays = _stays(request, view, prices.market)
    tickers = _tickers(request, view, sessions, prices)
    borne = {name for names in tickers.values() for name in names}
    symbols = sorted(borne if stays is None else stays)
    found.append(equal_weight_yardstick(view, symbols, sessions, capital, stays=stays))
    return tuple(yardstick for yardstick in found if yardstick is not None)


def _manifest(job: Job, results: JobResults, stamp: Stamp) -> Manifest:
    return Manifest(
        code_version=stamp.code_version,
        requests=(job.request,),
        data_hashes={results.dataset.name: results.dataset.data_hash},
        documents_hash=None if stamp.documents_hash == NO_DOCUMENTS else stamp.documents_hash,
        versions={name: metadata.version(name) for name in SHAPING_LIBRARIES},
        runs=tuple(
            ManifestRun(model=run.model, run_key=run.run_key, ledger_hash=run.ledger_hash)
            for run in results.runs
        ),
        files={},
        repeat=repeat_command(job.request),
        execution=Execution(
            job_ids=(job.job_id,),
            run_ids=tuple(run.run_id for run in job.runs),
            started_at=job.created_at,
            finished_at=stamp.finished_at,
            host_python=platform.python_version(),
            platform=platform.platform(),
        ),
    )


def repeat_command(request: SimulationRequest) -> str:
    """Return the command that repeats a request.

    A borrower's file, costs and limits other than the defaults stand in the manifest's request.
    """
    words = ["alphashield", "simulate", "--models", ",".join(request.models)]
    words += ["--start", str(request.start_date), "--end", str(request.end_date)]
    words += ["--data", request.data, "--seed", str(request.seed), "--cadence", request.cadence]
    if request.mask:
        words.append("--mask")
    if request.universe_name is not None:
        words += ["--universe", request.universe_name]
    if request.universe is not None:
        words += ["--universe", ",".join(request.universe)]
    if request.application is None:
        words += ["--cash", str(request.cash)]
    else:
        name = request.application.application.borrower_id
        words += ["--mode", "loan", "--application", f"{name}.json"]
    return shlex.join(words)
