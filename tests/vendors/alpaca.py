"""Alpaca's market data protocol as documented: answers by path, and a stream of quotes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, time
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.vendors.stub import Answer, Asked, Reply

_NEW_YORK = ZoneInfo("America/New_York")
GREETING = [{"T": "success", "msg": "connected"}]
WELCOME = [{"T": "success", "msg": "authenticated"}]
RECENT_SIP = "subscription does not permit querying recent SIP data"


def begins(day: date) -> str:
    """Write the midnight in New York that begins a day, as the vendor does."""
    midnight = datetime.combine(day, time(), _NEW_YORK).astimezone(ZoneInfo("UTC"))
    return midnight.strftime("%Y-%m-%dT%H:%M:%SZ")


class AlpacaData:
    """What the stub knows; `page` is how many rows one answer has at most."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.bars: dict[str, list[dict[str, Any]]] = {}
        self.actions: dict[str, list[dict[str, Any]]] = {}
        self.news: list[dict[str, Any]] = []
        self.quotes: dict[str, dict[str, Any]] = {}
        self.page = 10_000

    def answers(self) -> dict[str, Answer]:
        return {
            "/v2/stocks/bars": self._signed(self._bars),
            "/v2/stocks/quotes/latest": self._signed(self._latest),
            "/v1/corporate-actions": self._signed(self._actions),
            "/v1beta1/news": self._signed(self._news),
        }

    def _signed(self, answer: Callable[[Mapping[str, str]], object]) -> Answer:
        def signed(asked: Asked) -> object:
            headers = {name.lower(): value for name, value in asked.headers.items()}
            if headers.get("apca-api-secret-key") != self.secret:
                return Reply(b'{"message": "forbidden."}', 403)
            return answer(asked.query)

        return signed

    def _bars(self, query: Mapping[str, str]) -> object:
        wanted = query["timeframe"], query["adjustment"], query["feed"]
        if wanted not in {("1Day", "raw", "iex"), ("1Day", "raw", "sip")}:
            return Reply(b'{"message": "invalid parameter"}', 400)
        rows = [
            (query["symbols"], row)
            for row in self.bars.get(query["symbols"], [])
            if _at(query["start"]) <= _at(row["t"]) <= _at(query["end"])
        ]
        return self._paged("bars", rows, query)

    def _latest(self, query: Mapping[str, str]) -> object:
        asked = query["symbols"].split(",")
        if any("!" in each for each in asked):
            return Reply(json.dumps({"message": f"invalid symbol: {asked}"}).encode(), 400)
        return {"quotes": {each: self.quotes[each] for each in asked if each in self.quotes}}

    def _actions(self, query: Mapping[str, str]) -> object:
        rows = [
            (group, row)
            for group, listed in self.actions.items()
            for row in listed
            if query["symbols"] in {row[name] for name in row if name.endswith("symbol")}
            and query["start"] <= row["process_date"] <= query["end"]
        ]
        return self._paged("corporate_actions", rows, query)

    def _news(self, query: Mapping[str, str]) -> object:
        rows = [
            ("news", item)
            for item in sorted(self.news, key=lambda item: str(item["updated_at"]))
            if query["symbols"] in item["symbols"]
            and _at(query["start"]) <= _at(item["updated_at"]) <= _at(query["end"])
        ]
        said = self._paged("news", rows, query)
        return {"news": said["news"].get("news", []), "next_page_token": said["next_page_token"]}

    def _paged(
        self, part: str, rows: list[tuple[str, dict[str, Any]]], query: Mapping[str, str]
    ) -> dict[str, Any]:
        token = query.get("page_token", "page-0")
        if not token.startswith("page-"):
            return {"message": "page token is invalid"}
        first = int(token.removeprefix("page-"))
        last = first + min(self.page, int(query["limit"]))
        grouped: dict[str, list[dict[str, Any]]] = {}
        for group, row in rows[first:last]:
            grouped.setdefault(group, []).append(row)
        return {part: grouped, "next_page_token": f"page-{last}" if last < len(rows) else None}


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def bar(day: date, close: float, **changes: Any) -> dict[str, Any]:
    """Make a plausible day."""
    row = {"t": begins(day), "o": close, "h": close + 1, "l": close - 1, "c": close}
    return {**row, "v": 1000, "n": 10, "vw": close, **changes}


def article(
    number: int, created: str, updated: str | None = None, **changes: Any
) -> dict[str, Any]:
    """Make an article about AAPL."""
    return {
        "id": number,
        "headline": f"Headline {number}",
        "author": "A. Writer",
        "created_at": created,
        "updated_at": updated or created,
        "summary": f"Summary {number}",
        "content": f"<p>Text {number}</p>",
        "url": "https://news.example/",
        "images": [],
        "symbols": ["AAPL"],
        "source": "benzinga",
        **changes,
    }


def quote(at: str, bid: float = 99.5, **changes: Any) -> dict[str, Any]:
    """Make a quote as both the stream and the latest quotes have it."""
    row = {"t": at, "bp": bid, "bs": 2, "bx": "V", "ap": bid + 1, "as": 3, "ax": "V"}
    return {**row, "c": ["R"], "z": "C", **changes}


def tick(at: str, bid: float = 99.5, symbol: str = "AAPL", **changes: Any) -> dict[str, Any]:
    """Make a message of the stream."""
    return {"T": "q", "S": symbol, **quote(at, bid, **changes)}


def error(code: int, said: str) -> list[dict[str, Any]]:
    """Make a refusal of the stream."""
    return [{"T": "error", "code": code, "msg": said}]


Step = str | bytes | list[dict[str, Any]] | Callable[[ServerConnection], Awaitable[object] | None]
"""A frame as it is, messages, or something done to the connection."""


def mute(connection: ServerConnection) -> None:
    """Read nothing more, so that no ping is answered."""
    connection.transport.pause_reading()


def reset(connection: ServerConnection) -> None:
    """Cut the line."""
    connection.transport.abort()


class QuoteServer:
    """The stream on loopback, while it is entered. Each connection plays the next script.

    A script holds what is sent after the subscription; then the line stays open. A script that
    begins with an int answers the handshake with that status; `greeting` and `welcome` may be
    replaced for all connections by what is sent instead.
    """

    def __init__(self, *scripts: list[Step] | int) -> None:
        self.scripts = list(scripts)
        self.greeting: Step = list(GREETING)
        self.welcome: Step = list(WELCOME)
        self.said: list[list[dict[str, Any]]] = []
        self.paths: list[str] = []
        self.closed = 0
        self.redirect = ""
        self._server: Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    async def __aenter__(self) -> QuoteServer:
        self._server = await serve(
            self._play,
            "127.0.0.1",
            0,
            process_request=self._answer,
            ping_interval=None,
            close_timeout=0.05,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        if self.scripts and isinstance(self.scripts[0], int):
            headers = Headers({"Retry-After": "7", "Location": self.redirect})
            return Response(self.scripts.pop(0), "No", headers, b"{}")
        return None

    async def _play(self, connection: ServerConnection) -> None:
        script = self.scripts.pop(0) if self.scripts else []
        assert isinstance(script, list)
        heard: list[dict[str, Any]] = []
        self.said.append(heard)
        try:
            await self._send(connection, self.greeting)
            heard.append(json.loads(await connection.recv()))
            await self._send(connection, self.welcome)
            heard.append(json.loads(await connection.recv()))
            agreed = [
                {"T": "subscription", "trades": [], "quotes": heard[-1]["quotes"], "bars": []}
            ]
            await self._send(connection, agreed)
            for step in script:
                await self._send(connection, step)
            await connection.wait_closed()
        except ConnectionClosed:
            pass
        finally:
            self.closed += 1

    async def _send(self, connection: ServerConnection, step: Step) -> None:
        if callable(step):
            if (waiting := step(connection)) is not None:
                await waiting
        elif isinstance(step, list):
            await connection.send(json.dumps(step))
        else:
            await connection.send(step)
