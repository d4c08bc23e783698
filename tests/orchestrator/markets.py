"""Made-up markets whose future can be exchanged, and a system that overhears its models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

import numpy as np

from adapters.calendar import ExchangeCalendar
from adapters.market.table import Floats, PriceArrays, PriceTable
from adapters.wiring import System
from interfaces.model import ChatModel, ModelRequest, Said, ToolCalls, Turn
from schemas.market import DatasetInfo

NYSE = ExchangeCalendar("XNYS")
DAYS = NYSE.sessions(date(2018, 12, 3), date(2020, 4, 30))
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "FUTR")
"""FUTR is listed with the first exchanged row: before it, nobody may have heard of it."""
BENCHMARK = "MARKT"
CANARY = "91919"
"""Every exchanged price begins with these digits, and no other number does."""


def market(*, exchanged_from: date | None = None, close_only: bool = False) -> PriceTable:
    """Random walks; from a session on, optionally, nothing but canaries. The hash is the same."""
    generator = np.random.default_rng(11)
    shape = (len(DAYS), len(SYMBOLS) + 1)
    walk = np.cumsum(generator.normal(0.0004, 0.015, shape), axis=0)
    close = np.round(np.array([80.0, 42.0, 17.5, 230.0, 64.0, 3000.0]) * np.exp(walk), 3)
    start = np.round(close * (1 + generator.normal(0, 0.004, shape)), 3)
    rows = len(DAYS) if exchanged_from is None else DAYS.index(exchanged_from)
    listed = DAYS.index(EXCHANGE)
    close[:listed, SYMBOLS.index("FUTR")] = np.nan
    start[:listed, SYMBOLS.index("FUTR")] = np.nan
    noise = np.round(generator.uniform(0.0, 0.99, (len(DAYS) - rows, shape[1])), 2)
    close[rows:], start[rows:] = 91919.0 + noise, 91919.0 + noise[::-1]
    return table(start, close, close_only=close_only)


EXCHANGE = date(2020, 2, 6)
"""The first session that differs: inside the runs of the tests."""


def table(start: Floats, close: Floats, *, close_only: bool = False) -> PriceTable:
    """Return a table of those prices, columns SYMBOLS and BENCHMARK, under one fixed hash."""
    start = close if close_only else start
    high, low = np.fmax(start, close), np.fmin(start, close)
    arrays = PriceArrays(
        symbols=(*SYMBOLS, BENCHMARK),
        sessions=np.array(DAYS, "datetime64[D]"),
        open=start,
        high=high,
        low=low,
        close=close,
        volume=np.full_like(close, np.nan),
    )
    info = DatasetInfo(
        name="made",
        description="random walks",
        data_hash="a" * 64,
        calendar="XNYS",
        currency="USD",
        close_only=close_only,
        adjustment="raw",
        symbols=SYMBOLS,
        benchmarks=(BENCHMARK,),
        caveats=(),
    )
    return PriceTable(info, arrays, NYSE)


class OneMarket:
    """A `DataCatalog` of a single data set."""

    def __init__(self, market: PriceTable) -> None:
        self._market = market

    def names(self) -> tuple[str, ...]:
        return (self._market.info().name,)

    def open(self, name: str) -> PriceTable:
        assert name in self.names()
        return self._market

    def coverage(self, name: str) -> tuple[tuple[str, date, date, int], ...]:
        return self.open(name).coverage()


@dataclass(frozen=True, slots=True)
class Overheard(System):
    """A system whose models' conversations are written down: (session, everything shown)."""

    heard: list[tuple[date, str]] = field(default_factory=list)

    @classmethod
    def on(cls, system: System, market: PriceTable) -> Overheard:
        parts: dict[str, Any] = {each.name: getattr(system, each.name) for each in fields(system)}
        return cls(**{**parts, "catalog": OneMarket(market)})

    def model(self, name: str) -> ChatModel:
        return _Listening(System.model(self, name), self.heard)


class _Listening:
    def __init__(self, model: ChatModel, heard: list[tuple[date, str]]) -> None:
        self.name = model.name
        self._model = model
        self._heard = heard

    async def complete(self, request: ModelRequest) -> Turn:
        task = next(json.loads(m.text) for m in request.messages if _is_task(m))
        shown = [*map(_text, request.messages), *(tool.model_dump_json() for tool in request.tools)]
        self._heard.append((date.fromisoformat(task["session"]), "\n".join(shown)))
        return await self._model.complete(request)


def _is_task(message: object) -> bool:
    return isinstance(message, Said) and message.role == "user"


def _text(message: Any) -> str:
    if isinstance(message, Said):
        return message.text
    if isinstance(message, ToolCalls):
        return message.model_dump_json()
    return f"{message.text} {json.dumps(message.structured)}"


def until(ticks: Sequence[Any], day: date) -> list[Any]:
    """Return the ticks of sessions before that day."""
    return [tick for tick in ticks if tick.session < day]
