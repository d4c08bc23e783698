"""Quotes are streamed over a WebSocket from a server on loopback that speaks and fails like Alpaca.

Time does not pass by itself: pauses are counted, and only the heartbeat is real, and short.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection

from adapters.providers.alpaca import Alpaca
from adapters.providers.alpaca_http import Keys
from adapters.providers.alpaca_stream import Order, Patience, QuoteStream
from adapters.providers.alpaca_values import quote
from adapters.providers.http import Access
from adapters.providers.pace import Limits, Pace
from interfaces.providers import Quote
from schemas.errors import (
    AlphaShieldError,
    BadConfiguration,
    InvalidRequest,
    Unavailable,
    UntrustworthyData,
)
from tests.contracts.providers import CANARY, assert_no_key, everything_said
from tests.vendors.alpaca import QuoteServer, Step, error, mute, reset, tick
from tests.vendors.timing import StillClock

SECRET = "canary+SECRET/zyxw9876=q"
T = TypeVar("T")


def at(seconds: int, nanoseconds: int = 0) -> str:
    return f"2024-06-12T14:30:{seconds:02d}.{nanoseconds:09d}Z"


class Watch:
    """A clock and the pauses that were made by it."""

    def __init__(self, *, heartbeat: float = 0.04, reply: float = 2.0) -> None:
        self.clock = StillClock()
        self.patience = Patience(
            now=self.clock,
            random=lambda: 0.5,
            sleep=self.sleep,
            heartbeat=heartbeat,
            reply=reply,
        )

    async def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    @property
    def pauses(self) -> list[float]:
        return self.clock.slept

    def stream(self, url: str) -> QuoteStream:
        return QuoteStream(url, "iex", Keys(CANARY, SECRET), self.patience)


async def take(quotes: AsyncIterator[Quote], many: int) -> list[float]:
    """Return the first bids."""
    got: list[float] = []
    async with aclosing(quotes) as source:  # type: ignore[type-var] -- it is a generator
        async for each in source:
            got.append(each.bid)
            if len(got) == many:
                break
    return got


async def streamed(server: QuoteServer, many: int, watch: Watch | None = None) -> list[float]:
    async with server:
        return await take((watch or Watch()).stream(server.url).quotes(["AAPL", "MSFT"]), many)


def played(many: int, *scripts: list[Step] | int, watch: Watch | None = None) -> list[float]:
    return run(streamed(QuoteServer(*scripts), many, watch))


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def test_it_says_who_it_is_and_what_it_wants_and_yields_what_comes() -> None:
    server = QuoteServer([[tick(at(1), 10), tick(at(2), 20, "MSFT")], [tick(at(3), 30)]])
    assert run(streamed(server, 3)) == [10, 20, 30]
    assert server.paths == ["/v2/iex"]
    assert server.said == [
        [
            {"action": "auth", "key": CANARY, "secret": SECRET},
            {"action": "subscribe", "quotes": ["AAPL", "MSFT"]},
        ]
    ]


def test_the_provider_streams_with_its_own_keys_and_feed(tmp_path: Path) -> None:
    async def work() -> list[Quote]:
        async with QuoteServer([[tick(at(1, 5), 10)]]) as server:
            clock = StillClock()
            state = tmp_path / "alpaca.json"
            pace = Pace("alpaca", Limits(), state=state, timing=clock.timing())
            base = server.url.replace("ws://", "http://")
            access = Access("alpaca", base, "ALPACA_API_KEY", "APCA-API-KEY-ID", CANARY)
            provider = Alpaca(access, pace, secret=SECRET, feed="sip")
            quotes = provider.stream(["AAPL"])
            got = [await anext(quotes)]
            await quotes.aclose()  # type: ignore[attr-defined] -- it is a generator
            assert server.paths == ["/v2/sip"]
            return got

    [quote] = run(work())
    moment = datetime(2024, 6, 12, 14, 30, 1, tzinfo=UTC)
    assert quote == Quote("AAPL", moment, 10, 11, 2, 3)


def test_the_address_of_the_stream_follows_from_the_one_of_the_data(tmp_path: Path) -> None:
    pace = Pace("alpaca", Limits(), state=tmp_path / "a", timing=StillClock().timing())
    for base, stream in (
        ("https://data.alpaca.markets", "wss://stream.data.alpaca.markets"),
        ("https://data.sandbox.alpaca.markets/", "wss://stream.data.sandbox.alpaca.markets"),
    ):
        access = Access("alpaca", base, "ALPACA_API_KEY", "-", "k")
        assert Alpaca(access, pace, secret="s").stream_url == stream


def test_what_is_no_quote_of_ours_is_passed_over() -> None:
    others = [
        {"T": "t", "S": "AAPL", "p": 1, "t": at(1)},
        {"T": "subscription", "quotes": ["AAPL", "MSFT"]},
        tick(at(1), 5, "TSLA"),
        tick(at(1), 6, ap=0),
        {"T": "something new"},
    ]
    assert played(1, [others, [], [tick(at(2), 7)]]) == [7]


@pytest.mark.parametrize("cut", [reset, lambda connection: connection.close()])
def test_after_a_drop_it_comes_back_asks_for_the_same_and_goes_on(
    cut: Callable[[ServerConnection], Any],
) -> None:
    watch = Watch()
    server = QuoteServer([[tick(at(1), 1)], cut], [[tick(at(2), 2)], cut], [[tick(at(3), 3)]])
    assert run(streamed(server, 3, watch)) == [1, 2, 3]
    assert [heard[-1]["quotes"] for heard in server.said] == [["AAPL", "MSFT"]] * 3
    assert watch.pauses == [0.5, 0.5], "every connection had brought something"


GARBAGE: list[Step] = [
    "oops",
    '[{"T": "q", "S": "AAPL"',
    "{}",
    "[1]",
    '[{"S": "AAPL"}]',
    '[{"T": "q", "S": "AAPL", "bp": NaN}]',
    "[" * 50_000,
    b"\x91\x81\xa1T\xa1q",
    [tick("3 seconds ago")],
    [tick("2024-06-12T14:30:01")],
    [tick(at(1), bs="2")],
    [tick(at(1), -1)],
]


@pytest.mark.parametrize("frame", GARBAGE)
def test_a_frame_that_cannot_be_read_costs_the_connection_and_nothing_else(frame: Step) -> None:
    watch = Watch()
    scripts: list[list[Step]] = [[[tick(at(1), 1)], frame, [tick(at(2), 2)]], [[tick(at(3), 3)]]]
    assert played(2, *scripts, watch=watch) == [1, 3]
    assert len(watch.pauses) == 1


def test_a_vendor_that_sends_only_garbage_is_given_up() -> None:
    watch = Watch()
    with pytest.raises(UntrustworthyData, match=r"a frame that cannot be read .8 connections"):
        played(1, *[["oops"]] * 9, watch=watch)
    assert watch.pauses == [0.5, 1, 2, 4, 8, 15, 15]


def test_silence_is_no_failure_while_pings_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    pinged: list[None] = []

    async def work() -> list[float]:
        enough = asyncio.Event()
        ping = ClientConnection.ping

        async def counted(self: ClientConnection, *args: Any) -> Any:
            pinged.append(None)
            if len(pinged) == 3:
                enough.set()
            return await ping(self, *args)

        monkeypatch.setattr(ClientConnection, "ping", counted)
        server = QuoteServer([lambda _: enough.wait(), [tick(at(1), 1)]])
        got = await streamed(server, 1, Watch(heartbeat=0.01))
        assert len(server.said) == 1, "it never reconnected"
        return got

    assert run(work()) == [1]
    assert len(pinged) >= 3


def test_a_line_without_message_and_heartbeat_is_dropped() -> None:
    watch = Watch(heartbeat=0.02)
    assert played(2, [[tick(at(1), 1)], mute], [[tick(at(2), 2)]], watch=watch) == [1, 2]
    assert len(watch.pauses) == 1


def test_a_vendor_that_does_not_greet_or_does_not_agree_is_unavailable() -> None:
    async def never(greeting: Step, welcome: Step) -> None:
        server = QuoteServer()
        server.greeting, server.welcome = greeting, welcome
        await streamed(server, 1, Watch(reply=0.01))

    for greeting, welcome in ((lambda _: None, []), ([{"T": "success", "msg": "connected"}], [])):
        with pytest.raises(Unavailable, match="does not answer in time"):
            run(never(greeting, welcome))


@pytest.mark.promise("secrets")
@pytest.mark.parametrize(
    ("code", "said", "becomes", "why"),
    [
        (402, f"auth failed for {SECRET} {CANARY}", BadConfiguration, "ALPACA_SECRET_KEY: auth"),
        (401, "not authenticated", BadConfiguration, "ALPACA_API_KEY"),
        (409, "insufficient subscription", BadConfiguration, "another plan"),
        (405, "symbol limit exceeded", InvalidRequest, "too many symbols"),
        (400, "invalid syntax", InvalidRequest, "does not understand"),
        (410, "invalid subscribe action for this feed", InvalidRequest, "no quotes in this feed"),
    ],
)
def test_a_refusal_ends_it_at_once_and_says_why_without_a_key(
    code: int,
    said: str,
    becomes: type[AlphaShieldError],
    why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    watch, server = Watch(), QuoteServer()
    server.welcome = error(code, said)
    with pytest.raises(becomes, match=why) as caught:
        run(streamed(server, 1, watch))
    assert len(server.said) == 1
    assert watch.pauses == []
    client = "".join(r.getMessage() for r in caplog.records if r.name != "websockets.server")
    assert_no_key(everything_said(caught.value) + client)
    assert SECRET not in everything_said(caught.value) + client


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_handshake_that_is_refused_is_not_repeated(status: int) -> None:
    watch = Watch()
    with pytest.raises(BadConfiguration, match=str(status)):
        played(1, *[status] * 3, watch=watch)
    assert watch.pauses == []


@pytest.mark.parametrize(
    "said", [(406, "connection limit exceeded"), (407, "slow client"), (500, "internal error")]
)
def test_what_passes_is_tried_again(said: tuple[int, str]) -> None:
    watch = Watch()
    got = played(
        2, [error(*said)], [[tick(at(1), 1)], error(*said)], [[tick(at(2), 2)]], watch=watch
    )
    assert got == [1, 2]
    assert watch.pauses == [0.5, 0.5]


def test_a_limit_that_does_not_pass_is_said_in_the_end() -> None:
    with pytest.raises(Unavailable, match=r"connection limit exceeded \(406\) .8 connections"):
        played(1, *[[error(406, "connection limit exceeded")]] * 8)


def test_a_handshake_that_is_put_off_waits_as_long_as_it_is_told() -> None:
    watch = Watch()
    assert played(1, 429, 503, [[tick(at(1), 1)]], watch=watch) == [1]
    assert watch.pauses == [7, 7]


def test_nobody_is_followed_to_another_address() -> None:
    async def work() -> None:
        async with QuoteServer([[tick(at(1), 1)]]) as elsewhere:
            server = QuoteServer(*[302] * 8)
            server.redirect = elsewhere.url
            with pytest.raises(UntrustworthyData, match="somewhere else"):
                await streamed(server, 1)
            assert elsewhere.paths == []

    run(work())


def test_a_vendor_that_is_not_there_is_unavailable_after_eight_connections() -> None:
    async def work(watch: Watch) -> None:
        async with QuoteServer() as server:
            url = server.url
        with pytest.raises(Unavailable, match=r"cannot be reached .8 connections") as caught:
            await take(watch.stream(url).quotes(["AAPL"]), 1)
        assert_no_key(everything_said(caught.value))

    watch = Watch()
    run(work(watch))
    assert len(watch.pauses) == 7


def test_a_connection_that_lasted_is_no_failure_though_nothing_was_quoted() -> None:
    watch = Watch()

    def long(connection: ServerConnection) -> None:
        watch.clock.pass_by(3600)
        reset(connection)

    assert played(1, *[[long]] * 12, [[tick(at(1), 1)]], watch=watch) == [1]
    assert watch.pauses == [0.5] * 12


def test_old_and_repeated_quotes_are_dropped_also_after_a_reconnection() -> None:
    first = [tick(at(5, 100), 1), tick(at(5, 100), 1), tick(at(4), 2), tick(at(5, 99), 3)]
    again = [tick(at(5, 100), 1), tick(at(1), 4, "MSFT"), tick(at(5, 101), 5), tick(at(6), 6)]
    assert played(4, [first, reset], [again]) == [1, 4, 5, 6]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 2000), st.sampled_from(["AAPL", "MSFT"])),
        max_size=30,
    )
)
def test_each_symbols_quotes_are_in_order_of_time_whatever_comes(
    come: Sequence[tuple[int, int, str]],
) -> None:
    order = Order()
    admitted: dict[str, list[tuple[int, int]]] = {"AAPL": [], "MSFT": []}
    for seconds, nanoseconds, symbol in come:
        row = tick(at(seconds, nanoseconds), seconds + 1)
        read = quote(symbol, row)
        assert read is not None
        if order.admits(read, row["t"]):
            admitted[symbol].append((seconds, nanoseconds))
    for symbol, kept in admitted.items():
        assert kept == sorted(set(kept))
        newest = max(((s, n) for s, n, of in come if of == symbol), default=None)
        assert newest is None or newest[0] == kept[-1][0]


def test_cancelling_hangs_up_within_a_second_even_on_a_line_that_is_dead() -> None:
    async def work() -> float:
        loop = asyncio.get_running_loop()
        async with QuoteServer([[tick(at(1), 1)], mute]) as server:
            came = asyncio.Event()

            async def listen() -> None:
                quotes = Watch(heartbeat=30).stream(server.url).quotes(["AAPL"])
                async with aclosing(quotes) as source:
                    async for _ in source:
                        came.set()

            task = asyncio.create_task(listen())
            await came.wait()
            before = loop.time()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return loop.time() - before

    assert run(work()) < 1


def test_many_symbols_are_asked_for_in_several_messages() -> None:
    symbols = [f"S{n}" for n in range(900)]

    class Patient(QuoteServer):
        async def _play(self, connection: ServerConnection) -> None:
            self.said.append(heard := [])
            await connection.send(json.dumps(self.greeting))
            heard.append(json.loads(await connection.recv()))
            await connection.send(json.dumps(self.welcome))
            agreed: list[str] = []
            while len(agreed) < 900:
                agreed += json.loads(await connection.recv())["quotes"]
                await connection.send(json.dumps([{"T": "subscription", "quotes": agreed}]))
            await connection.send(json.dumps([tick(at(1), 1, "S899")]))
            await connection.wait_closed()

    async def work() -> list[float]:
        async with Patient() as server:
            return await take(Watch().stream(server.url).quotes(symbols), 1)

    assert run(work()) == [1]


def test_nothing_to_stream_is_an_invalid_request() -> None:
    with pytest.raises(InvalidRequest, match="no symbol"):
        run(take(Watch().stream("ws://127.0.0.1:9").quotes([]), 1))
