"""All that a run's tools can read, made up, and exchanged from a moment on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError

from adapters.broker.simulated import SimulatedBroker
from adapters.clock import SimulatedClock
from adapters.documents.dataset import DatasetDocuments
from adapters.market.facts import table_of
from adapters.market.universe import UniverseMarket
from adapters.memory.run_memory import RunMemoryBook
from adapters.sampler.annealing import SimulatedAnnealing
from adapters.wiring import System
from interfaces.broker import Posting
from mcp_servers.lending import build_lending_server
from mcp_servers.memory import build_memory_server
from mcp_servers.prices import build_prices_server
from mcp_servers.quantum import build_quantum_server
from mcp_servers.search import build_search_server
from mcp_servers.toolkit import ToolServer
from mcp_servers.trading import build_trading_server
from orchestrator.simulation import PAST_CLOSE
from schemas.base import sha256_of
from schemas.execution import ExecutionModel
from schemas.loan import BorrowerDocument, BorrowerFile, Transaction
from schemas.market import SuspectedSplit
from schemas.memory import MemoryRecord
from schemas.risk import RiskLimits
from tests.adapters.market_worlds import NYSE, World
from tests.orchestrator.runs import small_loan

DAYS = NYSE.sessions(date(2019, 3, 1), date(2020, 8, 14))
IDS = ("AAA", "BBB", "FOO", "FOO.2")
BORN = DAYS.index(date(2020, 6, 15))
"""The first bar of FOO.2: whether it takes over a ticker is for the listings to say."""

Call = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Scene:
    """Prices by a seed, and everything dated: facts by kind, a household's papers, memories."""

    seed: int
    facts: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    bookings: Sequence[date] = ()
    remembered: Sequence[datetime] = ()

    def walks(self) -> dict[str, list[float]]:
        generator = np.random.default_rng(self.seed)
        found: dict[str, list[float]] = {}
        for n, one in enumerate(IDS):
            moves = np.cumsum(generator.normal(0, 0.02, len(DAYS)))
            closes = np.round((20 + 30 * n) * np.exp(moves), 4)
            closes[generator.random(len(DAYS)) < (0.0, 0.02, 0.2, 0.0)[n]] = np.nan
            closes[: BORN if one == "FOO.2" else 0] = np.nan
            found[one] = closes.tolist()
        return found

    def papers(self) -> list[tuple[date, str]]:
        return [(day, f"{self.seed}-{n}") for n, day in enumerate(self.bookings)]

    def memories(self) -> list[tuple[datetime, str]]:
        return [(at, f"noted {self.seed}-{n}") for n, at in enumerate(self.remembered)]


@dataclass(frozen=True)
class Seen:
    """What lies behind the tools."""

    world: World
    papers: Sequence[tuple[date, str]]
    memories: Sequence[tuple[datetime, str]]

    @classmethod
    def of(cls, scene: Scene) -> Seen:
        world = World(DAYS, scene.walks(), scene.facts, info=_LEARNT)
        return cls(world, scene.papers(), scene.memories())

    @classmethod
    def mixed(cls, scene: Scene, other: Scene, now: datetime) -> Seen:
        """Return the first until the moment and the other from it on, with one company more."""
        past = sum(NYSE.closes_at(day) < now for day in DAYS)
        ours, theirs = scene.walks(), other.walks()
        closes = {
            one: [*ours[one][:past], *(7.7 * price for price in theirs[one][past:])] for one in IDS
        }
        closes["LATER"] = [*[float("nan")] * past, *ours["AAA"][past:]]
        facts = {
            kind: [
                *(row for row in other.facts[kind] if _known(row) >= now),
                *(row for row in rows if _known(row) < now),
            ]
            for kind, rows in scene.facts.items()
        }
        today = now.date()
        return cls(
            World(DAYS, closes, facts, info=_LEARNT_OTHERWISE),
            [
                *(paper for paper in scene.papers() if paper[0] < today),
                *(paper for paper in other.papers() if paper[0] >= today),
            ],
            [
                *(memory for memory in scene.memories() if memory[0] < now),
                *(memory for memory in other.memories() if memory[0] >= now),
            ],
        )


_LEARNT: dict[str, Any] = {"actions": 0, "adjustment": "unknown"}
_LEARNT_OTHERWISE: dict[str, Any] = {
    "actions": 9,
    "adjustment": "split_dividend",
    "caveats": ("a split of September is in the prices",),
    "data_hash": "b" * 64,
    "description": "imported after September",
    "documents": 9,
    "macro": ("LATER",),
    "providers": ("later",),
    "suspected_splits": (SuspectedSplit(symbol="AAA", session=DAYS[-1], ratio=15),),
    "universes": ("later",),
}
"""What an importer says of the whole data set; its last row may have taught it that."""


def _known(row: Any) -> datetime:
    return row["known_time"] if isinstance(row, dict) else row.known_time


class Swap:
    """Stands for whatever is put in."""

    def __init__(self) -> None:
        self.it: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.it, name)


class Stand:
    """The six servers of a run, built once; what lies behind them is exchanged."""

    def __init__(self, system: System) -> None:
        self._embedder = system.embedder
        self._clock, self._market, self._broker = Swap(), Swap(), Swap()
        self._papers, self._memories, self._file = Swap(), Swap(), Swap()
        clock, market = self._clock, self._market
        self._file.it, self._market.it = small_loan(), World(DAYS, Scene(1).walks()).table()
        self._shared: dict[str, ToolServer] = {
            "prices": build_prices_server(clock=clock, market=market, calendar=NYSE),
            "search": build_search_server(clock=clock, documents=self._papers),
            "memory": build_memory_server(clock=clock, memories=self._memories),
            "quantum": build_quantum_server(
                clock=clock, market=market, sampler=SimulatedAnnealing()
            ),
            "lending": build_lending_server(clock=clock, borrower=self._file, market=market),
        }

    def servers(self) -> dict[str, ToolServer]:
        """Return the servers; that of trading knows at its start what can be traded."""
        trading = build_trading_server(
            clock=self._clock,
            market=self._market,
            broker=self._broker,
            limits=RiskLimits(),
            execution=ExecutionModel(),
            scope="k",
            tick=lambda: self._broker.session().toordinal(),
            agent="alpha_trading",
            mode="simulation",
        )
        return {**self._shared, "trading": trading}

    async def answers(self, seen: Seen, now: datetime, calls: Sequence[Call]) -> list[str]:
        """Live the session before the moment, move on to it, and make the calls."""
        table = seen.world.table()
        session = next(day for day in DAYS if NYSE.closes_at(day) >= now)
        eve = NYSE.previous(session)
        self._clock.it = SimulatedClock(NYSE.opens_at(eve))
        self._market.it = UniverseMarket(table, table.info().symbols)
        self._papers.it = DatasetDocuments(table_of("documents", seen.world.facts["documents"]))
        self._memories.it = RunMemoryBook(self._embedder)
        self._memories.it.commit(map(_memory, seen.memories))
        self._file.it = _file(seen.papers)
        self._broker.it = SimulatedBroker(
            clock=self._clock.it,
            market=table,
            run_key="k",
            currency="USD",
            execution=ExecutionModel(),
        )
        servers = self.servers()
        await self._live(eve, servers)
        self._clock.it.move_to(min(now, NYSE.opens_at(session)))
        self._broker.it.begin(1, session)
        self._clock.it.move_to(now)
        return [await _said(servers, *call) for call in calls]

    async def _live(self, eve: date, servers: Mapping[str, ToolServer]) -> None:
        broker = self._broker.it
        broker.begin(0, eve)
        cash = Decimal("100000.00")
        postings = (Posting("assets:cash", cash), Posting("equity:capital", -cash))
        broker.post("deposit", "Starting capital", postings)
        weights = {"AAA": "0.4", "FOO": "0.3"}
        await _said(servers, "trading_rebalance_to_weights", {"weights": weights, "reason": "eve"})
        self._clock.it.move_to(NYSE.closes_at(eve) + PAST_CLOSE)
        broker.settle()
        broker.end()


async def _said(servers: Mapping[str, ToolServer], tool: str, arguments: Mapping[str, Any]) -> str:
    """Return everything of an answer; a crash of a tool is no answer."""
    server = servers[tool.partition("_")[0]]
    try:
        return (await server.call_tool(tool, dict(arguments))).model_dump_json()
    except UnexpectedToolError:
        raise
    except ToolError as refusal:
        return f"refused: {refusal}"


def _memory(memory: tuple[datetime, str]) -> MemoryRecord:
    at, text = memory
    return MemoryRecord(
        memory_id=sha256_of(text),
        agent="alpha_trading",
        text=text,
        tags=(),
        symbols=(),
        event_time=at - timedelta(hours=1),
        known_time=at,
    )


def _file(papers: Sequence[tuple[date, str]]) -> BorrowerFile:
    return small_loan().model_copy(
        update={
            "transactions": tuple(
                Transaction(
                    posted_on=day, amount=Decimal(-len(word)), category="other", merchant=word
                )
                for day, word in papers
            ),
            "documents": tuple(
                BorrowerDocument(
                    document_id=f"paper-{word}", kind="other", title=word, issued_on=day, text=word
                )
                for day, word in papers
            ),
        }
    )
