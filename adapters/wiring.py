"""Builds everything from the settings; the composition roots alone import this."""

from __future__ import annotations

import functools
from collections.abc import Generator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from adapters.broker.simulated import SimulatedBroker
from adapters.calendar import ExchangeCalendar
from adapters.client_ports import ClientPorts, ports_of_now, ports_of_run
from adapters.clock import SimulatedClock, SystemClock
from adapters.documents.joined import JoinedDocuments
from adapters.documents.local import LocalDocuments
from adapters.documents.poisoned import PoisonedFolder
from adapters.embedder.hashing import HashingEmbedder
from adapters.keyring import StoredKeyring, load_pepper
from adapters.kill_switch import MemoryKillSwitch, StoredKillSwitch, UnreachableHalts
from adapters.market import poisoned_facts as cast
from adapters.market.catalog import LocalCatalog
from adapters.market.files import ImportOptions, import_dataset
from adapters.market.poisoned import RECENT_BARS, PoisonedMarket
from adapters.market.quality import quality_of
from adapters.market.universe import UniverseMarket, universe_of
from adapters.masking.known import known_of
from adapters.masking.session import Mask
from adapters.mcp_client import open_tools
from adapters.memory.run_memory import RunMemoryBook
from adapters.model.baseline import BaselineModel
from adapters.providers.pace import Limits
from adapters.providers.registry import VendorPlan, as_sources, build_providers, system_timing
from adapters.sampler.annealing import SimulatedAnnealing
from adapters.store.connect import Store, open_store
from config.catalogue import load_execution, load_models, load_universes
from config.providers import load_providers
from config.risk import DEFAULT, RiskBook, load_risk, load_rules, load_sectors, with_sectors
from config.settings import Settings
from config.version import code_version
from interfaces.canaries import Bait, Future
from interfaces.documents import DocumentSource
from interfaces.market import MarketData
from interfaces.model import ChatModel
from interfaces.sources import Sources
from schemas.base import to_micro
from schemas.errors import AlphaShieldError, BadConfiguration, Unavailable
from schemas.execution import ExecutionModel
from schemas.facts import UniverseStay
from schemas.jobs import SimulationRequest
from schemas.market import DatasetInfo
from schemas.quality import CoverageReport
from schemas.risk import RiskLimits, Rule
from schemas.risk_views import LimitsInForce, RiskInForce, RuleInForce, RuleList

__all__ = [
    "ClientPorts",
    "ImportOptions",
    "MemoryKillSwitch",
    "RunPorts",
    "System",
    "bait_for",
    "calendar",
    "import_dataset",
    "mask_of",
    "open_kill_switch",
    "open_system",
    "open_tools",
    "ports_of_now",
    "ports_of_run",
    "run_ports",
]


@dataclass(frozen=True, slots=True)
class System:
    """The adapters of one process, open until their context ends."""

    settings: Settings
    store: Store
    catalog: LocalCatalog
    sources: Sources
    wall: SystemClock
    keyring: StoredKeyring
    kill_switch: StoredKillSwitch
    risk: RiskBook
    execution: ExecutionModel
    sectors: Mapping[str, str]
    rules_file: Path | None
    documents: LocalDocuments
    embedder: HashingEmbedder
    sampler: SimulatedAnnealing
    models: tuple[str, ...]
    universes: Mapping[str, tuple[UniverseStay, ...]]
    code_version: str

    def model(self, name: str) -> ChatModel:
        """Return the model of that name; `BadConfiguration` when its provider is not set up."""
        provider, _, policy = name.partition(":")
        if provider == "baseline":
            return BaselineModel(policy)
        raise BadConfiguration(f"no adapter serves the provider '{provider}'")

    def quality(self, name: str) -> CoverageReport:
        """Say which prices of a data set are sound, month by month; `NotFound`."""
        table = self.catalog.open(name)
        return quality_of(table, calendar(table.info().calendar), now=self.wall.now())

    def with_sectors(self, limits: RiskLimits) -> RiskLimits:
        """Return limits with the sectors known here, where they ask for some and bring none."""
        return with_sectors(limits, self.sectors)

    def risk_in_force(self) -> RiskInForce:
        """Say what the gate enforces by default and per strategy, and where its rules stand."""
        default = self.risk.limits_for(DEFAULT)
        others = {name: each for name, each in self.risk.strategies.items() if name != DEFAULT}
        own = load_rules(self.rules_file) if self.rules_file else ()
        under: dict[str, tuple[Rule, list[str]]] = {}
        for strategy, limits in ({DEFAULT: default} | others).items():
            for rule in limits.rules:
                under.setdefault(rule.model_dump_json(), (rule, []))[1].append(strategy)
        return RiskInForce(
            limits=LimitsInForce(default=default, strategies=others),
            rules=RuleList(
                rules=tuple(
                    RuleInForce(
                        rule=rule,
                        strategies=tuple(names),
                        file=self.rules_file.name if self.rules_file and rule in own else RISK_FILE,
                    )
                    for rule, names in under.values()
                )
            ),
        )


RULES_FILES = ("rules.yaml", "rules.json")
"""A file of rules of one's own, in the home folder."""
RISK_FILE = "risk.yaml"
EARLY = timedelta(days=2)
"""A session may open on the day before its date, in UTC; the clock stands before that."""


@dataclass(frozen=True, slots=True)
class RunPorts:
    """What one run acts on: its own clock, universe, account and memories, and the documents."""

    clock: SimulatedClock
    calendar: ExchangeCalendar
    market: UniverseMarket
    exchange: SimulatedBroker
    memories: RunMemoryBook
    documents: DocumentSource


def run_ports(
    system: System,
    request: SimulationRequest,
    *,
    run_key: str,
    bait: Bait | None = None,
) -> RunPorts:
    """Build a run's own adapters; the clock stands at the start date and sees nothing later.

    With `bait` the same adapters stand on its market and folder instead of the request's.
    """
    shelf = LocalDocuments(bait.folder) if bait else system.documents
    market: MarketData = bait.market if bait else system.catalog.open(request.data)
    info = market.info()
    days = calendar(info.calendar)
    clock = SimulatedClock(datetime.combine(request.start_date - EARLY, time(), UTC))
    return RunPorts(
        clock=clock,
        calendar=days,
        market=UniverseMarket(market, info.symbols) if bait else universe_of(market, request, days),
        exchange=SimulatedBroker(
            clock=clock,
            market=market,
            run_key=run_key,
            currency=info.currency,
            execution=request.execution,
            limits=request.limits,
        ),
        memories=RunMemoryBook(system.embedder),
        documents=JoinedDocuments(shelf, market),
    )


def mask_of(system: System, request: SimulationRequest, *, run_key: str) -> Mask:
    """Return what a run is masked by; it knows the whole data set, and shows none of it."""
    spans = system.catalog.coverage(request.data)
    years = (min(first for _, first, _, _ in spans).year, max(last for _, _, last, _ in spans).year)
    return Mask(run_key, known_of(system.catalog.open(request.data), years))


@contextmanager
def bait_for(like: DatasetInfo, near: date) -> Generator[Bait]:
    """Lay out what canaries are tried on, by a data set's conventions, around a session.

    The user's documents lie in a folder of their own until the context ends.
    """
    sessions = calendar(like.calendar)
    market = PoisonedMarket(like, sessions, near)
    try:
        folder = TemporaryDirectory(prefix="alphashield-canaries-")
    except OSError as error:
        raise Unavailable("the canaries' documents cannot be written to the disk") from error
    with folder as name:
        papers = PoisonedFolder(Path(name), sessions.opens_at(market.session), cast.LISTED)

        def lay(future: Future) -> None:
            market.lay(future)
            papers.lay(future)

        lay("poisoned")
        yield Bait(
            calendar=sessions,
            market=market,
            folder=Path(name),
            sessions=market.sessions,
            session=market.session,
            listed=cast.LISTED,
            recent=cast.RECENT,
            recent_bars=RECENT_BARS,
            unlisted=cast.UNLISTED,
            taken=cast.TAKEN,
            former=cast.FORMER_NAME,
            contested=cast.CONTESTED,
            coming=cast.COMING,
            unknown=cast.UNKNOWN,
            universe=cast.UNIVERSE,
            series=cast.SERIES,
            last_close=to_micro(market.last_close),
            restated=to_micro(cast.RESTATED_CLOSE),
            released=to_micro(cast.RELEASED),
            announced=cast.ANNOUNCED,
            fill_price=to_micro(market.fill_price),
            lay=lay,
        )


@functools.cache
def calendar(name: str) -> ExchangeCalendar:
    """Return the exchange's calendar; built once per process."""
    return ExchangeCalendar(name)


@contextmanager
def open_system(settings: Settings) -> Generator[System]:
    """Open the store and everything beside it; closing gives it all back."""
    uri = settings.mongodb_uri.get_secret_value() if settings.mongodb_uri else None
    home = settings.home.resolve()
    rules_file = _rules_of(home)
    with closing(open_store(uri, home, database=settings.database)) as store:
        wall = SystemClock()
        catalog = LocalCatalog(home)
        yield System(
            settings=settings,
            store=store,
            catalog=catalog,
            sources=_sources(settings, catalog, wall),
            wall=wall,
            keyring=StoredKeyring(store.keys, pepper=load_pepper(home / "pepper"), wall=wall),
            kill_switch=StoredKillSwitch(store.halts, home=home, wall=wall),
            risk=load_risk(rules_file=rules_file),
            execution=load_execution(),
            sectors=load_sectors(),
            rules_file=rules_file,
            documents=LocalDocuments(home / "documents"),
            embedder=HashingEmbedder(),
            sampler=SimulatedAnnealing(),
            models=tuple(load_models()),
            universes={name: each.stays for name, each in load_universes().items()},
            code_version=code_version(),
        )


@contextmanager
def open_kill_switch(settings: Settings) -> Generator[tuple[StoredKillSwitch, SystemClock]]:
    """Open the kill switch alone; while the store cannot be opened it still has its file."""
    home, wall = settings.home.resolve(), SystemClock()
    uri = settings.mongodb_uri.get_secret_value() if settings.mongodb_uri else None
    with ExitStack() as leaving:
        try:
            store = leaving.enter_context(
                closing(open_store(uri, home, database=settings.database))
            )
            halts = store.halts
        except AlphaShieldError as error:
            halts = UnreachableHalts(error)
        yield StoredKillSwitch(halts, home=home, wall=wall), wall


def _rules_of(home: Path) -> Path | None:
    """Return the file of rules of one's own, where the home folder has one."""
    found = [home / name for name in RULES_FILES if (home / name).exists()]
    if len(found) > 1:
        raise BadConfiguration(f"{' and '.join(RULES_FILES)} both hold rules: keep one of them")
    return found[0] if found else None


def _sources(settings: Settings, catalog: LocalCatalog, wall: SystemClock) -> Sources:
    """Return the providers of `providers.yaml`; a vendor without its key is not set up."""
    listed = load_providers()
    plans = {
        name: VendorPlan(
            base_url=vendor.base_url,
            limits=Limits(
                per_minute=vendor.per_minute,
                per_day=vendor.per_day,
                attempts=vendor.attempts,
                deadline_seconds=vendor.deadline_seconds,
            ),
            key=_secret(settings, f"{name}_api_key"),
            secret=_secret(settings, f"{name}_secret_key"),
            adjusted=vendor.adjusted,
            feed=vendor.feed,
        )
        for name, vendor in listed.vendors.items()
    }
    built = build_providers(
        plans,
        home=settings.home.resolve(),
        timing=system_timing(wall),
        bundled=lambda: catalog.open("bundled"),
    )
    return as_sources(built, listed.order, plans)


def _secret(settings: Settings, field: str) -> str | None:
    value: SecretStr | None = getattr(settings, field, None)
    return value.get_secret_value() if value else None
