"""The worker: claims jobs and runs them. The only place that assembles a run."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

from adapters.wiring import (
    MemoryKillSwitch,
    RunPorts,
    System,
    bait_for,
    calendar,
    mask_of,
    open_tools,
    run_ports,
)
from agents.agent import Agent
from agents.records import RECORDS
from interfaces.canaries import Bait
from interfaces.market import MarketData
from interfaces.model import ChatModel, ToolSession
from mcp_servers.lending import build_lending_server
from mcp_servers.memory import build_memory_server
from mcp_servers.prices import build_prices_server
from mcp_servers.quantum import build_quantum_server
from mcp_servers.search import build_search_server
from mcp_servers.toolkit import ToolServer
from mcp_servers.trading import build_trading_server
from mcp_servers.trading_desk import Guard
from orchestrator.canaries import Stage, run_canaries
from orchestrator.downloads import Downloader, DownloadPorts
from orchestrator.graph import build_graph
from orchestrator.guard import RunGuard
from orchestrator.halts import HaltWatch
from orchestrator.installation import admission_of
from orchestrator.jobs import (
    documents_hash,
    for_model,
    key_now,
    require_same,
    sessions_of,
)
from orchestrator.lease import Lease, Stops, job_lease
from orchestrator.lease_watch import LeaseWatch
from orchestrator.loan_life import loan_of
from orchestrator.model_spend import spend_of
from orchestrator.progress import Reporter, Watch
from orchestrator.prompt_audit import PromptAudit, Replay, listen_again
from orchestrator.publish import Prices, Stamp, publish
from orchestrator.simulation import RunParts, RunPlan, Simulation
from orchestrator.upkeep import DataSets, Upkeep
from schemas.canaries import CanaryReport
from schemas.errors import AlphaShieldError, Conflict, Unavailable
from schemas.execution import ExecutionModel
from schemas.jobs import ENDED, Job, JobState, RunProgress, SimulationRequest
from schemas.loan import BorrowerFile
from schemas.risk import RiskLimits

log = logging.getLogger(__name__)

IDLE_POLL_S = 0.5


class Worker:
    """Runs jobs one at a time; several workers may share a store."""

    def __init__(self, system: System, *, name: str, drain: threading.Event | None = None) -> None:
        self._system = system
        self._name = name
        self._drain = drain or threading.Event()
        self._lease = timedelta(seconds=system.settings.lease_seconds)
        self._watch = LeaseWatch(system.wall, length=self._lease)
        self._graph = build_graph()

    def run_forever(self) -> None:
        """Run jobs until drained, a tick under way first; downloads and checks of data beside."""
        system, store, wall = self._system, self._system.store, self._system.wall
        ports = DownloadPorts(store.downloads, system.catalog, system.sources, wall, store.jobs)
        downloads = Downloader(ports, name=self._name, lease=self._lease, drain=self._drain)
        sets = DataSets(system.catalog, system.quality, wall, system.settings.home)
        every = timedelta(hours=system.settings.data_check_hours)
        with downloads.beside(), Upkeep(sets, every=every, drain=self._drain).beside():
            self._run_jobs()

    def _run_jobs(self) -> None:
        jobs, wall = self._system.store.jobs, self._system.wall
        while not self._drain.is_set():
            try:
                job = jobs.claim(
                    self._name, now=wall.now(), lease=self._lease, silent=self._watch.silent
                )
                if job is not None:
                    self._work(job, lambda _: None)
                    continue
            except Unavailable as error:  # the store is away: ask again after the pause
                log.warning("the store does not answer: %s", error)
            self._drain.wait(IDLE_POLL_S)

    def run_job(self, job_id: str, watch: Watch) -> Job:
        """Run one stored job to its end in this thread and return it as it then stands.

        `Conflict` when another worker holds it.
        """
        job = self._claim_one(job_id)
        if job is None:
            job = self._system.store.jobs.get(job_id)
            if job.state in ENDED:
                return job
            if job.lease_until is None:
                raise Conflict(f"job {job_id} has just become {job.state}: try again")
            raise Conflict(
                f"job {job_id} is held by {job.worker}, whose lease lasts until "
                f"{job.lease_until:%Y-%m-%d %H:%M:%S} UTC and is extended while it lives: "
                "if it was killed, try again then"
            )
        self._work(job, watch)
        return self._system.store.jobs.get(job_id)

    def _claim_one(self, job_id: str) -> Job | None:
        """Take the job; where its lease seems to have ended, watch whether that is so."""
        jobs, wall = self._system.store.jobs, self._system.wall
        given_up = wall.monotonic() + 2 * self._lease.total_seconds()
        first: datetime | None = None
        while True:
            now = wall.now()
            job = jobs.claim_one(
                job_id, self._name, now=now, lease=self._lease, silent=self._watch.silent
            )
            if job is not None:
                return job
            held = jobs.get(job_id)
            first = first or held.lease_until
            ended = held.lease_until is not None and held.lease_until <= now
            alive = held.lease_until != first or wall.monotonic() > given_up
            if held.state != "running" or not ended or alive or self._drain.wait(IDLE_POLL_S):
                return None

    def see_through(self, job_id: str, watch: Watch, *, says: Callable[[str], None]) -> Job:
        """Run a stored job here, or follow the worker that has it, and return it as it ends.

        A job that its worker leaves, or dies with, is taken over; why one waits is said once.
        Returns early when this worker is drained.
        """
        said = False
        while True:
            try:
                job = self.run_job(job_id, watch)
            except Conflict as held:
                job = self._system.store.jobs.get(job_id)
                if not said:
                    says(f"following: {held}")
                    said = True
            if job.state not in {"queued", "running"} or self._drain.is_set():
                return job
            for run in job.runs:
                watch(run)
            self._drain.wait(IDLE_POLL_S)

    def audit(self, name: str) -> tuple[PromptAudit, ...]:
        """Return what the models of a job, or of one run of it, were sent; `NotFound`.

        The runs are repeated in memory as far as they were committed; nothing is written.
        """
        store = self._system.store
        return listen_again(name, store.jobs, store.ticks, assemble=self._assemble)

    def _work(self, job: Job, watch: Watch) -> None:
        jobs, wall = self._system.store.jobs, self._system.wall
        with job_lease(job, jobs, wall, length=self._lease) as lease:
            stops = Stops(lease, self._drain)
            try:
                state, error = self._run_all(job, stops, watch)
            except Conflict as conflict:
                if lease.is_gone():  # another worker has the job; it is not ours to write
                    return
                state, error = "failed", str(conflict)
            except Unavailable as missing:  # if this cannot be stored either, the lease runs out
                log.warning("job paused: %s", missing, extra={"job_id": job.job_id})
                state, error = "paused", str(missing)
            except AlphaShieldError as refusal:  # files cannot be made: its data set is gone, say
                state, error = "failed", str(refusal)
            except Exception as bug:  # the top of the worker: one bad job must not end it
                log.exception("job failed", extra={"job_id": job.job_id})
                state, error = "failed", f"internal error ({type(bug).__name__}); see the log"
        if lease.lost:
            return
        with suppress(Conflict):  # taken over in this very moment: the other one finishes it
            jobs.finish(job.job_id, job.fence, state, now=wall.now(), error=error)

    def _run_all(self, job: Job, stops: Stops, watch: Watch) -> tuple[JobState, str | None]:
        """Run every run that is not done, publish, and return the job's state and error.

        When a canary fails nothing runs; the files then say which one, and why.
        """
        canaries = check_canaries(self._system, job.request)
        if canaries.alarm is not None:
            ended = tuple(
                run
                if run.state == "completed"
                else self._reporter(job, run, watch).end("failed", canaries.alarm)
                for run in job.runs
            )
            self._publish(job, ended, stops.lease, canaries)
            return "failed", canaries.alarm
        done: list[RunProgress] = []
        for run in job.runs:
            result = run if run.state == "completed" else self._run_one(job, run, stops, watch)
            done.append(result)
            if result.state in {"queued", "cancelled"}:
                return result.state, None
            if result.state == "paused":
                return "paused", result.error
        self._publish(job, tuple(done), stops.lease, canaries)
        failed = [run for run in done if run.state == "failed"]
        if not failed:
            return "completed", None
        return ("failed" if len(failed) == len(done) else "partial"), failed[0].error

    def _run_one(self, job: Job, run: RunProgress, stops: Stops, watch: Watch) -> RunProgress:
        reporter = self._reporter(job, run, watch)
        try:
            complete = asyncio.run(self._simulate(job, run, stops, reporter))
        except Conflict:
            raise
        except Unavailable as error:
            return reporter.end("paused", str(error))
        except AlphaShieldError as error:
            return reporter.end("failed", str(error))
        if complete:
            return reporter.end("completed")
        return reporter.end("cancelled" if stops.lease.cancelled else "queued")

    def _reporter(self, job: Job, run: RunProgress, watch: Watch) -> Reporter:
        jobs, wall = self._system.store.jobs, self._system.wall
        return Reporter(jobs, wall, job=job, run=run, watch=watch)

    async def _simulate(self, job: Job, run: RunProgress, stops: Stops, reporter: Reporter) -> bool:
        async with self._assemble(job, run) as simulation:
            return await simulation.run(on_tick=reporter.tick, should_stop=stops.now)

    def _publish(
        self, job: Job, runs: tuple[RunProgress, ...], lease: Lease, canaries: CanaryReport
    ) -> None:
        """Store the job's files; `Conflict` when they have become another worker's to write."""
        store, request, admission = (
            self._system.store,
            job.request,
            admission_of(self._system, calendar),
        )
        documents = documents_hash(request, admission)
        for run in runs:
            require_same(run, request, key_now(request, run.model, admission))
        files = publish(
            job.model_copy(update={"runs": runs}),
            ticks=store.ticks,
            prices=Prices(self._market(job), calendar),
            stamp=Stamp(admission.code_version, self._system.wall.now(), documents),
            canaries=canaries,
        )
        for name, content in files.items():
            lease.renew()  # long files must not outlast it
            store.artifacts.put(job.job_id, name, content, fence=job.fence)

    def _market(self, job: Job) -> MarketData:
        return self._system.catalog.open(job.request.data)

    @asynccontextmanager
    async def _assemble(
        self, job: Job, run: RunProgress, replay: Replay | None = None
    ) -> AsyncGenerator[Simulation]:
        """Build everything one run is made of, on its own clock and account."""
        system, request, market = self._system, job.request, self._market(job)
        require_same(run, request, key_now(request, run.model, admission_of(system, calendar)))
        request = for_model(request, run.model)
        ports = run_ports(system, request, run_key=run.run_key)
        plan = RunPlan(
            run_id=run.run_id,
            run_key=run.run_key,
            fence=job.fence,
            sessions=sessions_of(request, market, calendar),
            cadence=request.cadence,
            cash=request.cash,
            seed=request.seed,
        )
        guard = RunGuard(request, HaltWatch(MemoryKillSwitch() if replay else system.kill_switch))
        servers = _servers(system, request, ports, run_key=run.run_key, guard=guard)
        async with open_tools(servers) as offered:
            model, tools = _masked(system, job, run, tools=offered, replay=replay)
            yield Simulation(
                plan,
                RunParts(
                    clock=ports.clock,
                    calendar=ports.calendar,
                    exchange=ports.exchange,
                    memories=ports.memories,
                    tools=tools,
                    model=model,
                    agents={name: Agent(record) for name, record in RECORDS.items()},
                    graph=self._graph,
                    ticks=replay or system.store.ticks,
                    guard=guard,
                    loan=loan_of(request, ports.calendar.on_or_after),
                    spend=spend_of(request, market.info().currency),
                ),
            )


def _masked(
    system: System, job: Job, run: RunProgress, *, tools: ToolSession, replay: Replay | None
) -> tuple[ChatModel, ToolSession]:
    """Return a run's model and tools: behind a mask if asked for, overheard when it is repeated."""
    model = system.model(run.model)
    if not job.request.mask and replay is None:
        return model, tools
    mask = mask_of(system, job.request, run_key=run.run_key)
    if replay is not None:
        model = replay.overhear(model, mask.sightings)
    if not job.request.mask:
        return model, tools
    return mask.around(model, tools, offered=RECORDS["alpha_trading"].tools)


def check_canaries(system: System, request: SimulationRequest) -> CanaryReport:
    """Ask a job's tools for the future, on a made-up market around the job's first session."""
    market = system.catalog.open(request.data)
    first = sessions_of(request, market, calendar)[0]

    @asynccontextmanager
    async def assemble(bait: Bait, borrower: BorrowerFile) -> AsyncGenerator[Stage]:
        made_up = request.model_copy(
            update={
                "start_date": bait.sessions[0],
                "application": borrower,
                "execution": ExecutionModel(),
                "limits": RiskLimits(),  # so that the suite's own orders pass the gate
            }
        )
        ports = run_ports(system, made_up, run_key="canaries", bait=bait)
        async with open_tools(_servers(system, made_up, ports, run_key="canaries")) as tools:
            yield Stage(ports.clock, ports.calendar, ports.exchange, ports.memories, tools)

    with bait_for(market.info(), first) as bait:
        return asyncio.run(run_canaries(bait, assemble))


def _standing_over(guard: RunGuard | None, ports: RunPorts) -> Guard:
    if guard is None:  # a rehearsal: nothing is traded
        return Guard(calendar=ports.calendar)
    return Guard(guard.halts, guard.watch, guard.equity, ports.calendar)


def _servers(
    system: System,
    request: SimulationRequest,
    ports: RunPorts,
    *,
    run_key: str,
    guard: RunGuard | None = None,
) -> dict[str, ToolServer]:
    """Build the six tool servers of a run, on its clock, its universe and its account."""
    clock, market = ports.clock, ports.market
    return {
        "prices": build_prices_server(clock=clock, market=market, calendar=ports.calendar),
        "search": build_search_server(clock=clock, documents=ports.documents),
        "memory": build_memory_server(clock=clock, memories=ports.memories),
        "trading": build_trading_server(
            clock=clock,
            market=market,
            broker=ports.exchange,
            limits=request.limits,
            execution=request.execution,
            scope=run_key,
            tick=lambda: ports.exchange.session().toordinal(),
            agent="alpha_trading",
            mode="simulation",
            guard=_standing_over(guard, ports),
        ),
        "quantum": build_quantum_server(clock=clock, market=market, sampler=system.sampler),
        "lending": build_lending_server(clock=clock, borrower=request.application, market=market),
    }
