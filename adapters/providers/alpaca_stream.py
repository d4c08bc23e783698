"""Alpaca's quotes over a WebSocket.

Not by alpaca-py's `StockDataStream`: it owns its loop and pushes into callbacks, tries refused
keys again for ever, stops silently when a plan does not suffice, cannot be given time as an
argument, and is built on the part of `websockets` that is deprecated. The protocol is four
messages; they are spoken here in JSON, over the present client of the same library.

The client's own log is shut: it would write the message with the keys down.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from adapters.providers import alpaca_values as values
from adapters.providers.alpaca_http import SETTINGS, Keys
from adapters.providers.pace import retry_after
from interfaces.clock import WallClock
from interfaces.providers import Quote
from schemas.errors import (
    AlphaShieldError,
    BadConfiguration,
    InvalidRequest,
    Unavailable,
    UntrustworthyData,
)

_AT_ONCE = 400  # symbols in one message, which may have 16 KB
_SETTLED = 60.0  # seconds after which a connection counts as a good one
_KEPT = "alpaca refuses the keys in " + " and ".join(SETTINGS)
_REFUSALS: Mapping[int, tuple[type[AlphaShieldError], str]] = {
    400: (InvalidRequest, "alpaca does not understand the subscription"),
    401: (BadConfiguration, _KEPT),
    402: (BadConfiguration, _KEPT),
    405: (InvalidRequest, "alpaca has too many symbols to stream at once"),
    409: (BadConfiguration, "alpaca wants another plan for this feed"),
    410: (InvalidRequest, "alpaca has no quotes in this feed"),
}
"""What is not tried again; anything else (406: a second connection, 407: too slow) is."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long we wait and how often we try, in seconds; time and chance as arguments.

    `heartbeat` is how long the vendor may say nothing before it is pinged, and then how long the
    answer may take. `failures` counts connections in a row that brought nothing.
    """

    now: WallClock
    random: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    heartbeat: float = 20.0
    reply: float = 10.0
    first_pause: float = 1.0
    longest_pause: float = 30.0
    failures: int = 8


class QuoteStream:
    """One subscription. `url` is that of the vendor, `feed` the last part of the path."""

    def __init__(self, url: str, feed: str, keys: Keys, patience: Patience) -> None:
        self._url = f"{url.rstrip('/')}/v2/{feed}"
        self._keys = keys
        self._patience = patience

    async def quotes(self, symbols: Sequence[str]) -> AsyncGenerator[Quote]:
        """Yield quotes, each symbol's in order of time and none twice, through reconnections.

        `BadConfiguration` and `InvalidRequest` at once when the vendor refuses; `Unavailable` or
        `UntrustworthyData` when one connection after the other comes to nothing.
        """
        wanted = tuple(dict.fromkeys(symbols))
        if not wanted:
            raise InvalidRequest("no symbol is named to stream quotes of")
        order = Order()
        failures = 0
        while True:
            since = self._patience.now.monotonic()
            session = _Session(self._url, self._keys, self._patience, wanted)
            async with aclosing(session.quotes()) as quotes:
                async for quote, mark in quotes:
                    failures = 0
                    if order.admits(quote, mark):
                        yield quote
            if self._patience.now.monotonic() - since >= _SETTLED:
                failures = 0
            failures += 1
            ended = session.ended
            if failures >= self._patience.failures:
                times = f"{failures} connections in a row came to nothing"
                raise ended.at_last(f"alpaca {self._keys.clean(ended.said)} ({times})")
            await self._pause(failures, ended.after)

    async def _pause(self, failures: int, after: float | None) -> None:
        """Back off with full jitter, never shorter than the vendor asks for."""
        most = min(self._patience.first_pause * 2 ** (failures - 1), self._patience.longest_pause)
        await self._patience.sleep(max(self._patience.random() * most, after or 0.0))


class _Dropped(Exception):
    """A connection ended in a way that another may not."""

    def __init__(
        self,
        said: str,
        *,
        after: float | None = None,
        at_last: type[AlphaShieldError] = Unavailable,
    ) -> None:
        super().__init__(said)
        self.said = said
        self.after = after
        self.at_last = at_last


class _Session:
    """One connection from its greeting to its end; `ended` then says why."""

    def __init__(self, url: str, keys: Keys, patience: Patience, symbols: tuple[str, ...]) -> None:
        self._url = url
        self._keys = keys
        self._patience = patience
        self._symbols = symbols
        self.ended = _Dropped("hung up")

    async def quotes(self) -> AsyncGenerator[tuple[Quote, str]]:
        """Yield quotes, each with its time as written, until the connection ends."""
        try:
            async with self._connect() as socket:
                early = await self._enter(socket)
                while True:
                    for message in early or await self._frame(socket):
                        if (found := self._quote(message)) is not None:
                            yield found
                    early = []
        except _Dropped as dropped:
            self.ended = dropped
        except InvalidStatus as refused:
            self.ended = self._by_status(refused)
        except ConnectionClosed:
            self.ended = _Dropped("hung up")
        except (InvalidHandshake, OSError, TimeoutError):
            self.ended = _Dropped("cannot be reached")
        if self.ended.at_last is BadConfiguration:
            raise BadConfiguration(self.ended.said)

    def _connect(self) -> connect:
        silent = logging.Logger("websockets.shut", logging.CRITICAL + 1)
        return _Connect(
            self._url,
            logger=silent,
            ping_interval=None,  # `_frame` looks after the heartbeat
            open_timeout=self._patience.reply,
            close_timeout=0.5,  # whoever hangs up does not wait for the vendor to agree
        )

    def _by_status(self, refused: InvalidStatus) -> _Dropped:
        status = refused.response.status_code
        if status in {401, 403}:
            return _Dropped(f"{_KEPT} ({status})", at_last=BadConfiguration)
        if status == 404:
            return _Dropped("alpaca has no such feed (404)", at_last=BadConfiguration)
        if 300 <= status < 400:
            return _Dropped(f"sends us somewhere else ({status})", at_last=UntrustworthyData)
        header = refused.response.headers.get("Retry-After")
        return _Dropped(f"answers {status}", after=retry_after(header, self._patience.now.now()))

    async def _enter(self, socket: ClientConnection) -> list[dict[str, Any]]:
        """Say who we are and what we want; return what else came with the vendor's agreement."""
        await self._reply(socket, "success", "connected")
        key_id, secret = self._keys.pair()
        await _send(socket, {"action": "auth", "key": key_id, "secret": secret})
        await self._reply(socket, "success", "authenticated")
        for at in range(0, len(self._symbols), _AT_ONCE):
            batch = list(self._symbols[at : at + _AT_ONCE])
            await _send(socket, {"action": "subscribe", "quotes": batch})
        rest: list[dict[str, Any]] = []
        agreed: set[str] = set()
        while not agreed.issuperset(self._symbols):
            rest += await self._reply(socket, "subscription")
            agreed = {each for row in rest for each in _names(row)}
        return rest

    async def _reply(
        self, socket: ClientConnection, kind: str, said: str | None = None
    ) -> list[dict[str, Any]]:
        """Wait for a frame with a message of a kind, and return all messages that came by then."""
        came: list[dict[str, Any]] = []
        try:
            async with asyncio.timeout(self._patience.reply):
                while not any(
                    each["T"] == kind and said in {None, each.get("msg")} for each in came
                ):
                    came += self._messages(await socket.recv())
        except TimeoutError:
            came = []
        if not came:
            raise _Dropped("does not answer in time")
        return came

    async def _frame(self, socket: ClientConnection) -> list[dict[str, Any]]:
        """Return the next messages; when none come, a ping that is answered will do as well."""
        while True:
            try:
                async with asyncio.timeout(self._patience.heartbeat):
                    return self._messages(await socket.recv())
            except TimeoutError:
                pong = await socket.ping()
            try:
                async with asyncio.timeout(self._patience.heartbeat):
                    await pong
            except TimeoutError:
                break
        raise _Dropped("sends neither a message nor a heartbeat")

    def _messages(self, frame: str | bytes) -> list[dict[str, Any]]:
        """Read a frame; raises on the first message that is a refusal."""
        messages: Any = None
        with suppress(ValueError, RecursionError):
            messages = json.loads(frame, parse_constant=_refuse) if isinstance(frame, str) else None
        if not isinstance(messages, list) or not all(
            isinstance(each, dict) and isinstance(each.get("T"), str) for each in messages
        ):
            raise _Dropped("sends a frame that cannot be read", at_last=UntrustworthyData)
        for each in messages:
            if each["T"] == "error":
                self._refused(each)
        return messages

    def _refused(self, message: Mapping[str, Any]) -> NoReturn:
        code = message.get("code")
        said = self._keys.clean(f"{str(message.get('msg'))[:200]} ({code})")
        if isinstance(code, int) and code in _REFUSALS:
            reaction, why = _REFUSALS[code]
            raise reaction(f"{why}: {said}")
        raise _Dropped(f"says: {said}")

    def _quote(self, message: Mapping[str, Any]) -> tuple[Quote, str] | None:
        """Return a quote of ours; None for any other message."""
        symbol = message.get("S")
        if message["T"] != "q" or symbol not in self._symbols:
            return None
        try:
            quote = values.quote(symbol, message)
        except ValueError as error:
            said = str(error)
        else:
            return None if quote is None else (quote, message["t"])
        raise _Dropped(f"sends {said[:200]}", at_last=UntrustworthyData)


class _Connect(connect):
    """Follows nobody to another address: the keys are sent after the greeting."""

    def process_redirect(self, exc: Exception) -> Exception:
        """Return the answer that would send us elsewhere as the failure it is."""
        return exc


class Order:
    """The newest quote of each symbol; older ones and repetitions are not admitted.

    The vendor's times have nanoseconds, a `datetime` has not: the text decides within one
    microsecond, where it is of the same form.
    """

    def __init__(self) -> None:
        self._newest: dict[str, tuple[Quote, str]] = {}

    def admits(self, quote: Quote, mark: str) -> bool:
        """Tell whether a quote comes after those before it, and keep it if so."""
        last = self._newest.get(quote.symbol)
        if last is not None:
            newest, written = last
            late = (quote.at, _nanoseconds(mark)) < (newest.at, _nanoseconds(written))
            if late or quote == newest:
                return False
        self._newest[quote.symbol] = (quote, mark)
        return True


def _nanoseconds(mark: str) -> int:
    """Return the last three of nine digits after the point."""
    digits = mark.partition(".")[2].rstrip("Z").partition("+")[0].partition("-")[0]
    return int(digits.ljust(9, "0")[6:9]) if digits.isascii() and digits.isdigit() else 0


def _names(row: Mapping[str, Any]) -> list[str]:
    listed = row.get("quotes") if row["T"] == "subscription" else None
    return [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []


async def _send(socket: ClientConnection, message: Mapping[str, Any]) -> None:
    await socket.send(json.dumps(message))


def _refuse(_constant: str) -> NoReturn:
    raise ValueError
