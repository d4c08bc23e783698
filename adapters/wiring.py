"""Builds everything from the settings; the composition roots alone import this."""

from __future__ import annotations

import functools
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time

from adapters.broker.simulated import SimulatedBroker
from adapters.calendar import ExchangeCalendar
from adapters.client_ports import ClientPorts, ports_of_now, ports_of_run
from adapters.clock import SimulatedClock, SystemClock
from adapters.documents.local import LocalDocuments
from adapters.embedder.hashing import HashingEmbedder
from adapters.keyring import StoredKeyring, load_pepper
from adapters.market.catalog import LocalCatalog
from adapters.market.files import ImportOptions, import_dataset
from adapters.market.universe import UniverseMarket
from adapters.mcp_client import open_tools
from adapters.memory.run_memory import RunMemoryBook
from adapters.model.baseline import BaselineModel
from adapters.sampler.annealing import SimulatedAnnealing
from adapters.store.connect import Store, open_store
from config.catalogue import load_models
from config.settings import Settings
from config.version import code_version
from interfaces.model import ChatModel
from schemas.errors import BadConfiguration
from schemas.jobs import SimulationRequest

__all__ = [
    "ClientPorts",
    "ImportOptions",
    "RunPorts",
    "System",
    "calendar",
    "import_dataset",
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
    wall: SystemClock
    keyring: StoredKeyring
    documents: LocalDocuments
    embedder: HashingEmbedder
    sampler: SimulatedAnnealing
    models: tuple[str, ...]
    code_version: str

    def model(self, name: str) -> ChatModel:
        """Return the model of that name; `BadConfiguration` when its provider is not set up."""
        provider, _, policy = name.partition(":")
        if provider == "baseline":
            return BaselineModel(policy)
        raise BadConfiguration(f"no adapter serves the provider '{provider}'")


@dataclass(frozen=True, slots=True)
class RunPorts:
    """What one run has to itself: its clock, its universe, its account and its memories."""

    clock: SimulatedClock
    calendar: ExchangeCalendar
    market: UniverseMarket
    exchange: SimulatedBroker
    memories: RunMemoryBook


def run_ports(
    system: System, request: SimulationRequest, *, run_key: str, symbols: tuple[str, ...]
) -> RunPorts:
    """Build a run's own adapters; the clock stands at the start date and sees nothing later."""
    market = system.catalog.open(request.data)
    info = market.info()
    clock = SimulatedClock(datetime.combine(request.start_date, time(), UTC))
    return RunPorts(
        clock=clock,
        calendar=calendar(info.calendar),
        market=UniverseMarket(market, symbols),
        exchange=SimulatedBroker(
            clock=clock,
            market=market,
            run_key=run_key,
            currency=info.currency,
            costs=request.costs,
        ),
        memories=RunMemoryBook(system.embedder),
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
    with closing(open_store(uri, home, database=settings.database)) as store:
        wall = SystemClock()
        yield System(
            settings=settings,
            store=store,
            catalog=LocalCatalog(home),
            wall=wall,
            keyring=StoredKeyring(store.keys, pepper=load_pepper(home / "pepper"), wall=wall),
            documents=LocalDocuments(home / "documents"),
            embedder=HashingEmbedder(),
            sampler=SimulatedAnnealing(),
            models=tuple(load_models()),
            code_version=code_version(),
        )
