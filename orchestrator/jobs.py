"""Jobs: what is admitted, what identifies a run, and what a run will step through."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from interfaces.calendar import TradingCalendar
from interfaces.documents import NO_DOCUMENTS, DocumentSource
from interfaces.market import DataCatalog, MarketData
from orchestrator.suspected import refuse_splits
from orchestrator.universes import universe_used, with_stays, within
from schemas.base import sha256_of
from schemas.errors import InvalidRequest, NotFound
from schemas.execution import ExecutionModel
from schemas.facts import UniverseStay
from schemas.jobs import Job, RunProgress, SimulationRequest
from schemas.risk import RiskLimits

LOOKED_AT = 252
"""Sessions before the end of a run in which a volume is looked for."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What a request is checked against before it becomes a job."""

    catalog: DataCatalog
    calendar: Callable[[str], TradingCalendar]
    models: Collection[str]
    code_version: str
    universes: Mapping[str, Sequence[UniverseStay]] = field(
        default_factory=dict[str, Sequence[UniverseStay]]
    )
    documents: DocumentSource | None = None
    execution: ExecutionModel = field(default_factory=ExecutionModel)
    """How orders fill when a request does not say."""
    limits_for: Callable[[str], RiskLimits] = lambda _: RiskLimits()
    """What the gate enforces for a model when a request does not say."""
    completed: Callable[[RiskLimits], RiskLimits] = lambda limits: limits
    """A request's own limits with what this installation knows of sectors."""


def admit(request: SimulationRequest, admission: Admission, *, job_id: str, now: datetime) -> Job:
    """Check a request against what exists and return the job to store, queued.

    Raises `InvalidRequest` or `NotFound` with one sentence that says what to change; nothing is
    stored. The identity of each run is its `run_key`: the SHA-256 of the canonical request for one
    model, the data's hash, the code version and, where there are any, the user's own documents
    that the run could find.
    """
    if "limits" in request.model_fields_set:
        _refuse_unknown_names(request.limits, admission.catalog.open(request.data).info().symbols)
    request = _with_defaults(request, admission)
    if request.mask:
        _refuse_unmaskable(request)
    for model in request.models:
        _known("model", model, admission.models)
    market = admission.catalog.open(request.data)
    request = with_stays(request, ours=market.universes(), listed=admission.universes)
    universe_used(request, market.reach())
    universe = universe_of(request, market)
    sessions = sessions_of(request, market, admission.calendar)
    exchange = admission.calendar(market.info().calendar)
    closed = exchange.closes_at(sessions[-1]) + timedelta(microseconds=1)
    _refuse_untradable(request, market, universe, end=closed)
    refuse_splits(request, market, universe, days=sessions, calendar=exchange)
    runs = tuple(
        RunProgress(
            run_id=f"{job_id}-{index}",
            run_key=key_now(request, model, admission),
            model=model,
            sessions_total=len(sessions),
        )
        for index, model in enumerate(request.models)
    )
    return Job(job_id=job_id, request=request, runs=runs, created_at=now, updated_at=now)


def _refuse_unknown_names(limits: RiskLimits, symbols: Collection[str]) -> None:
    """Refuse limits of a request's own that protect from a misspelt symbol."""
    named = {*limits.restricted, *(name for rule in limits.rules for name in rule.symbols)}
    for symbol in sorted(named.difference(symbols)):
        _known("symbol", symbol, symbols)


def _has_volume(market: MarketData, universe: Sequence[str], end: datetime) -> bool:
    view = market.view(end)
    for symbol in universe:
        with suppress(NotFound):
            if np.isfinite(view.bars(symbol, lookback=LOOKED_AT).volume).any():
                return True
    return False


def _refuse_untradable(
    request: SimulationRequest, market: MarketData, universe: Sequence[str], *, end: datetime
) -> None:
    """Refuse policies that need more of a bar than a data set of closes has."""
    execution, close_only = request.execution, market.info().close_only
    if execution.needs_volume and (close_only or not _has_volume(market, universe, end)):
        has = "closes only, no volume" if close_only else "no volume of any of these symbols"
        raise InvalidRequest(
            f"data set '{request.data}' has {has}: leave out participation, market impact and "
            "volume-share slippage, or choose a data set with volume"
        )
    if close_only and execution.spread.kind == "corwin_schultz":
        raise InvalidRequest(
            f"data set '{request.data}' has closes only, no highs and lows to estimate a spread "
            "from: give a fixed spread, or choose a data set with whole bars"
        )


def _with_defaults(request: SimulationRequest, admission: Admission) -> SimulationRequest:
    """Fill in what a request leaves to this installation, so that the stored one says it all."""
    update: dict[str, object] = {}
    if "execution" not in request.model_fields_set:
        update["execution"] = admission.execution
    if "limits" not in request.model_fields_set:
        own = {model: admission.limits_for(model) for model in request.models}
        common = own[request.models[0]]
        update["limits"] = common
        update["strategy_limits"] = {
            model: limits for model, limits in own.items() if limits != common
        }
    else:
        update["limits"] = admission.completed(request.limits)
        update["strategy_limits"] = {
            model: admission.completed(limits) for model, limits in request.strategy_limits.items()
        }
    return request.model_copy(update=update)


def _refuse_unmaskable(request: SimulationRequest) -> None:
    """Refuse what a change of names, dates and units would change more than the words of."""
    if request.mode == "loan":
        raise InvalidRequest(
            "a loan cannot be masked: its papers, due dates and tax years belong to their time; "
            "leave `mask` out"
        )
    if not request.execution.fractional:
        raise InvalidRequest(
            "whole units cannot be masked, as a masked unit is several real ones: leave `mask` "
            "out, or let units be traded in fractions"
        )
    if request.execution.commission.kind == "per_share":
        raise InvalidRequest(
            "a commission per share cannot be masked, as it tells what a share is: leave `mask` "
            "out, or give the commission in basis points"
        )
    for limits in (request.limits, *request.strategy_limits.values()):
        if limits.max_order_quantity is not None or any(
            rule.measure == "order_quantity" for rule in limits.rules
        ):
            raise InvalidRequest(
                "a limit on an order's units cannot be masked, as a masked unit is several real "
                "ones: leave `mask` out, or limit an order's value or share instead"
            )


def for_model(request: SimulationRequest, model: str) -> SimulationRequest:
    """Return the request as it is for one of its models alone."""
    update = {
        "models": (model,),
        "limits": request.limits_for(model),
        "strategy_limits": dict[str, RiskLimits](),
    }
    return request.model_copy(update=update)


def run_key(
    request: SimulationRequest,
    model: str,
    market: MarketData,
    code_version: str,
    *,
    documents: str = NO_DOCUMENTS,
) -> str:
    """Return what identifies one model's run, whoever asks and whenever.

    `documents` is the digest of the user's own; without any the key is as if there were no folder.
    """
    identity: dict[str, object] = {
        "request": for_model(request, model),
        "data_hash": market.info().data_hash,
        "code_version": code_version,
    }
    if documents != NO_DOCUMENTS:
        identity["documents"] = documents
    return sha256_of(identity)


def key_now(request: SimulationRequest, model: str, admission: Admission) -> str:
    """Return what would identify the run if it were asked for now."""
    market, version = admission.catalog.open(request.data), admission.code_version
    documents = documents_hash(request, admission)
    return run_key(request, model, market, version, documents=documents)


def documents_hash(request: SimulationRequest, admission: Admission) -> str:
    """Return the digest of the user's documents from before the close of the last session."""
    if admission.documents is None:
        return NO_DOCUMENTS
    market, calendar = admission.catalog.open(request.data), admission.calendar
    last = sessions_of(request, market, calendar)[-1]
    return admission.documents.digest(calendar(market.info().calendar).closes_at(last))


def require_same(run: RunProgress, request: SimulationRequest, now: str) -> None:
    """Refuse to go on with a run whose data, documents or code are not what its key says."""
    if run.run_key != now:
        raise InvalidRequest(
            f"the data set '{request.data}', your documents from before the end of the run or the "
            "program changed since this job was submitted, so it would not be the run that was "
            "asked for: submit it again"
        )


def universe_of(request: SimulationRequest, market: MarketData) -> tuple[str, ...]:
    """Return the symbols of the run, sorted: those asked for, or all tradable ones.

    Of a named universe, all that are members at some time of the run and have prices.
    """
    known = market.info().symbols
    if request.stays is not None:
        stays = within(request.stays, request.start_date, request.end_date)
        return tuple(sorted({stay.symbol for stay, _, _ in stays}.intersection(known)))
    if request.universe is None:
        return tuple(sorted(known))
    for symbol in request.universe:
        _known("symbol", symbol, known)
    if not request.universe:
        raise InvalidRequest("the universe is empty: name at least one symbol")
    return tuple(sorted(request.universe))


def sessions_of(
    request: SimulationRequest,
    market: MarketData,
    calendar: Callable[[str], TradingCalendar],
) -> tuple[date, ...]:
    """Return the sessions of the run; the request's dates need not be sessions themselves.

    A loan's run begins on the day the loan would be paid out.
    """
    start = request.start_date
    if request.application is not None:
        start = _loan_start(request, request.application.application.disbursed_on)
    sessions = calendar(market.info().calendar).sessions(start, request.end_date)
    if not sessions:
        raise InvalidRequest(
            f"{request.start_date}..{request.end_date} has no session of "
            f"{market.info().calendar}: choose dates on which the exchange trades"
        )
    if not market.covers(sessions[0], sessions[-1]):
        raise InvalidRequest(
            f"data set '{request.data}' does not cover {sessions[0]}..{sessions[-1]}: "
            f"`alphashield data coverage --data {request.data}` shows what it has"
        )
    return sessions


def _loan_start(request: SimulationRequest, disbursed_on: date) -> date:
    """Return the day of the loan's decision, which must lie within the request's dates."""
    if not request.start_date <= disbursed_on <= request.end_date:
        raise InvalidRequest(
            f"the loan is to be paid out on {disbursed_on}, which is not within "
            f"{request.start_date}..{request.end_date}: choose dates around it"
        )
    return disbursed_on


def _known(kind: str, name: str, names: Collection[str]) -> None:
    if name in names:
        return
    near = difflib.get_close_matches(name, names, n=1)
    hint = f": did you mean '{near[0]}'?" if near else f"; known: {', '.join(sorted(names)[:12])}"
    raise NotFound(f"unknown {kind} '{name}'{hint}")
