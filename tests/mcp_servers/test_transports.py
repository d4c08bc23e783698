"""The servers as outside clients meet them: stdio, Streamable HTTP, keys, strange hosts."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.server.mcpserver import MCPServer

from adapters.clock import SystemClock
from adapters.keyring import StoredKeyring
from adapters.store.connect import Store, open_store
from mcp_servers.__main__ import BUILDERS, main
from mcp_servers.serve import PATH, http_app, listen
from mcp_servers.toolkit import WRITE, add_tool, new_server
from schemas.errors import Conflict, Unavailable
from schemas.keys import ApiKey

ROOT = Path(__file__).parents[2]
LIST_TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
HEADERS = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mcp-home")


@pytest.fixture(scope="module")
def store(home: Path) -> Iterator[Store]:
    """Keep the embedded server up between the processes of these tests."""
    opened = open_store(None, home)
    yield opened
    opened.close()


@pytest.fixture
def environment(store: Store, home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ALPHASHIELD_")}
    return {**kept, "ALPHASHIELD_HOME": str(home), "PYTHONPATH": str(ROOT)}


class _Keys:
    """A key store of a few keys."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    def add(self, key: ApiKey) -> None:
        if key.key_id in self._keys:
            raise Conflict("the key exists")
        self._keys[key.key_id] = key

    def find(self, digest: str) -> ApiKey | None:
        return next((key for key in self._keys.values() if key.digest == digest), None)

    def list(self) -> tuple[ApiKey, ...]:
        return tuple(self._keys.values())

    def revoke(self, key_id: str, *, now: datetime) -> ApiKey:
        self._keys[key_id] = self._keys[key_id].model_copy(update={"revoked_at": now})
        return self._keys[key_id]


@pytest.fixture
def keyring() -> StoredKeyring:
    return StoredKeyring(_Keys(), pepper=b"p" * 32, wall=SystemClock())


def server_of(*, writes: bool) -> MCPServer:
    server = new_server("sample", "A sample.")

    async def read() -> int:
        """Answer."""
        return 42

    add_tool(server, read, name="sample_read", title="Read")
    if writes:
        add_tool(server, read, name="sample_write", title="Write", annotations=WRITE)
    return server


async def _listed(name: str, environment: dict[str, str], cwd: Path) -> list[str]:
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "mcp_servers", name], env=environment, cwd=cwd
    )
    async with Client(stdio_client(command)) as client:
        return [tool.name for tool in (await client.list_tools()).tools]


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_every_server_lists_its_tools_over_stdio(
    name: str, environment: dict[str, str], tmp_path: Path
) -> None:
    tools = asyncio.run(_listed(name, environment, tmp_path))
    assert tools
    assert all(tool.startswith(f"{name}_") for tool in tools)


def test_stdout_carries_the_protocol_alone(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mcp_servers", "quantum"],
        input=b"",
        capture_output=True,
        env=environment,
        cwd=tmp_path,
        check=True,
    )
    assert done.stdout == b""


def test_a_server_over_http_answers_a_client_and_ends_on_sigterm(
    environment: dict[str, str], tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "mcp_servers", "prices", "--transport", "http", "--port", "0"],
        stderr=subprocess.PIPE,
        env=environment,
        cwd=tmp_path,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert "open to this machine" in said
        url = said.split(" serves at ")[1].split()[0]

        async def quote() -> Any:
            async with Client(url) as client:
                return (await client.call_tool("prices_get_quote", {"symbol": "AAPL"})).is_error

        assert asyncio.run(quote()) is False
        assert httpx2.post(
            url, json=LIST_TOOLS, headers={**HEADERS, "Host": "evil.example"}
        ).is_error
        process.terminate()
        assert process.wait(30) in {0, -15}
    finally:
        process.kill()
        process.communicate()


def exchange(app: Any, *, peer: str = "127.0.0.1", **headers: str) -> httpx2.Response:
    """Send one `tools/list` to the application and return its answer."""

    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(app, client=(peer, 50_000))
        async with (
            _lifespan(app),
            httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8100") as client,
        ):
            return await client.post(PATH, json=LIST_TOOLS, headers={**HEADERS, **headers})

    return asyncio.run(send())


class _lifespan:  # noqa: N801  # reads as the context it is
    """Run an ASGI application's start-up and shut-down around a block."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app
        self._in: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._out: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def __aenter__(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._task = asyncio.create_task(self._app(scope, self._in.get, self._out.put))
        await self._in.put({"type": "lifespan.startup"})
        assert (await self._out.get())["type"] == "lifespan.startup.complete"

    async def __aexit__(self, *_: object) -> None:
        await self._in.put({"type": "lifespan.shutdown"})
        await self._task


def test_without_a_key_made_only_this_machine_is_served(keyring: StoredKeyring) -> None:
    app = http_app(server_of(writes=False), host="127.0.0.1", keyring=keyring)
    assert exchange(app).json()["result"]["tools"][0]["name"] == "sample_read"
    app = http_app(server_of(writes=False), host="127.0.0.1", keyring=keyring)
    assert exchange(app, peer="192.168.1.9").status_code == 403


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Host", "evil.example"),
        ("Origin", "https://evil.example"),
        ("Host", "127.0.0.1.evil.example"),
    ],
)
def test_pages_and_names_of_others_are_refused_on_loopback(
    keyring: StoredKeyring, header: str, value: str
) -> None:
    app = http_app(server_of(writes=False), host="127.0.0.1", keyring=keyring)
    assert exchange(app, **{header: value}).status_code in {403, 421}


@pytest.mark.parametrize("host", ["127.0.0.2", "127.8.9.10", "::1", "[::1]"])
def test_every_loopback_address_refuses_names_and_pages_of_others(
    keyring: StoredKeyring, host: str
) -> None:
    at = f"[{host.strip('[]')}]:8100" if ":" in host else f"{host}:8100"
    for headers, status in (
        ({"Host": at, "Origin": f"http://{at}"}, 200),
        ({"Host": "localhost:8100"}, 200),
        ({"Host": "evil.example:8100", "Origin": "http://evil.example:8100"}, 421),
        ({"Host": at, "Origin": "http://evil.example:8100"}, 403),
    ):
        app = http_app(server_of(writes=False), host=host, keyring=keyring)
        assert exchange(app, **headers).status_code == status, headers


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "x-forwarded-host"])
def test_without_a_key_made_nobody_comes_in_through_a_proxy(
    keyring: StoredKeyring, header: str
) -> None:
    app = http_app(server_of(writes=False), host="127.0.0.1", keyring=keyring)
    refused = exchange(app, **{header: "203.0.113.7"})
    assert refused.status_code == 403
    assert "alphashield keys create" in refused.json()["detail"]
    _, secret = keyring.create("ops", "admin")
    app = http_app(server_of(writes=False), host="127.0.0.1", keyring=keyring)
    headers = {header: "203.0.113.7", "Authorization": f"Bearer {secret}"}
    assert exchange(app, **headers).status_code == 200


def test_guessing_keys_ends_at_the_limit_and_says_when_to_try_again(
    keyring: StoredKeyring,
) -> None:
    _, secret = keyring.create("ops", "admin")

    def answer(sent: str, peer: str = "127.0.0.1") -> httpx2.Response:
        app = http_app(server_of(writes=False), host="127.0.0.1", keyring=keyring)
        return exchange(app, peer=peer, Authorization=f"Bearer {sent}")

    assert {answer("ask_guess").status_code for _ in range(30)} == {401}
    refused = answer("ask_guess")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.json()["status"] == 429
    assert answer(secret).status_code == 429
    assert answer(secret, peer="127.0.0.9").status_code == 200


@pytest.mark.promise("authz-matrix")
@pytest.mark.parametrize(
    ("role", "writes", "status"),
    [
        ("admin", True, 200),
        ("read_write", True, 200),
        ("read_only", True, 403),
        ("read_only", False, 200),
        (None, False, 401),
        ("revoked", False, 401),
    ],
)
def test_once_a_key_is_made_every_call_needs_one_that_may(
    keyring: StoredKeyring, role: Any, writes: bool, status: int
) -> None:
    keyring.create("first", "admin")
    headers: dict[str, str] = {}
    if role is not None:
        key, secret = keyring.create("mine", "admin" if role == "revoked" else role)
        headers["Authorization"] = f"Bearer {secret}"
        if role == "revoked":
            keyring.revoke(key.key_id)
    app = http_app(server_of(writes=writes), host="127.0.0.1", keyring=keyring)
    answer = exchange(app, **headers)
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_beyond_loopback_any_name_is_served_with_a_key(keyring: StoredKeyring) -> None:
    _, secret = keyring.create("ops", "admin")
    app = http_app(server_of(writes=True), host="0.0.0.0", keyring=keyring)
    headers = {"Host": "prices.internal:8101", "Authorization": f"Bearer {secret}"}
    assert exchange(app, peer="10.0.0.7", **headers).status_code == 200


def test_a_store_that_is_away_lets_nobody_in() -> None:
    class Away(_Keys):
        def list(self) -> tuple[ApiKey, ...]:
            raise Unavailable("the store is away")

    keyring = StoredKeyring(Away(), pepper=b"p" * 32, wall=SystemClock())
    app = http_app(server_of(writes=False), host="127.0.0.1", keyring=keyring)
    assert exchange(app).status_code == 503


def test_a_port_in_use_is_unavailable() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(Unavailable, match="in use"):
            listen("127.0.0.1", other.getsockname()[1])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nope",), 2, "unknown server 'nope'; known: prices"),
        (("prices", "--data", "nowhere"), 2, "nowhere"),
        (("prices", "--run", "20200101-000000-00000000-0"), 2, "job"),
        (("prices", "--transport", "http", "--host", "0.0.0.0"), 3, "alphashield keys create"),
    ],
)
def test_a_server_that_cannot_be_served_says_why_in_one_sentence(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    monkeypatch.setenv("ALPHASHIELD_HOME", environment["ALPHASHIELD_HOME"])
    assert main(words) == code
    streams = capsys.readouterr()
    assert streams.out == ""
    assert said in streams.err
    assert streams.err.count("\n") == 1
