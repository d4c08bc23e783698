"""How a server meets its clients: stdio for one, Streamable HTTP for many.

Over HTTP every call is on its own (stateless), so a client may come back to another process.
"""

from __future__ import annotations

import errno
import functools
import json
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import anyio
import anyio.to_thread
import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from interfaces.keyring import Keyring, TooManyAttempts
from schemas.errors import AlphaShieldError, InvalidRequest, Unavailable
from schemas.keys import ApiKey

PATH = "/mcp"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_PROXY_PREFIX = b"x-forwarded-"
_PROXY_HEADERS = frozenset({b"forwarded", b"via", b"x-real-ip"})
_DRAIN_SECONDS = 5
_LOG = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def serve_stdio(server: MCPServer) -> None:
    """Serve one client over stdin and stdout until it closes them.

    The SDK keeps stdout for the protocol alone: what a library prints goes to stderr.
    """
    server.run("stdio")


def serve_http(server: MCPServer, *, host: str, port: int, keyring: Keyring) -> None:
    """Serve clients at `http://host:port/mcp` until a signal.

    `NotAllowed` beyond loopback without a key; `Unavailable` when the port is taken.
    """
    keys_needed = keyring.required(host)
    listener = listen(host, port)
    config = uvicorn.Config(
        http_app(server, host=host, keyring=keyring),
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    at = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}{PATH}"
    who = "with an API key" if keys_needed else "open to this machine, as no API key was made"
    with _ended_by_sigterm():
        _Announced(config, f"{server.name} serves at {at} ({who})").run(sockets=[listener])


class _Announced(uvicorn.Server):
    """Says on stderr where it serves, once it takes calls and signals."""

    def __init__(self, config: uvicorn.Config, says: str) -> None:
        super().__init__(config)
        self._says = says

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stderr.write(self._says + "\n")
            sys.stderr.flush()


@contextmanager
def _ended_by_sigterm() -> Generator[None]:
    """Take SIGTERM for Ctrl-C, and either for a clean end: uvicorn raises them anew at its own."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


def http_app(server: MCPServer, *, host: str, keyring: Keyring) -> AsgiApp:
    """Build the ASGI application: keys first, then the SDK's own Host and Origin checks."""
    names = {*_LOOPBACK, f"[{host}]" if ":" in host and not host.startswith("[") else host}
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        transport_security=TransportSecuritySettings(
            # Beyond loopback names are the operator's own, and a page cannot know a key.
            enable_dns_rebinding_protection=keyring.is_local(host),
            allowed_hosts=[f"{name}{port}" for name in names for port in ("", ":*")],
            allowed_origins=[f"http://{name}{port}" for name in names for port in ("", ":*")],
        ),
        host=host,
    )
    return KeyGate(app, server=server, host=host, keyring=keyring)


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen; `Unavailable` when the port is taken or not ours to take."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise InvalidRequest(f"'{host}' is no address of this machine") from error
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise Unavailable(f"port {port} is in use: choose another with --port") from error
        raise Unavailable(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


class _Refusal(NamedTuple):
    status: int
    code: str
    detail: str
    header: tuple[bytes, bytes] | None = None


_UNKNOWN = _Refusal(
    401,
    "unauthorized",
    "send an API key as `Authorization: Bearer KEY`",
    (b"www-authenticate", b"Bearer"),
)


class KeyGate:
    """Lets a request through when its key may use this server.

    While no key was made, this machine alone is let through, and no proxy on it. A `read_only`
    key may not use a server that has a tool which changes something.
    """

    def __init__(self, app: AsgiApp, *, server: MCPServer, host: str, keyring: Keyring) -> None:
        self._app = app
        self._server = server
        self._host = host
        self._keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, 403, 429 or 503, or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            refusal = await self._refusal(scope)
        except TooManyAttempts as error:
            after = (b"retry-after", str(error.retry_after_s).encode())
            refusal = _Refusal(429, error.code, str(error), after)
        except AlphaShieldError as error:
            _LOG.warning("cannot check a key: %s", error)
            refusal = _Refusal(503, error.code, "API keys cannot be checked now; try again soon")
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await _refuse(send, refusal)

    async def _refusal(self, scope: Scope) -> _Refusal | None:
        peer = scope.get("client")
        address = peer[0] if peer else ""
        if not await anyio.to_thread.run_sync(self._keyring.required, self._host):
            return self._refusal_without_keys(scope, address)
        secret = _sent_secret(scope)
        if not secret:
            return _UNKNOWN
        verify = functools.partial(self._keyring.verify, secret, address=address)
        key = await anyio.to_thread.run_sync(verify)
        if key is None:
            return _UNKNOWN
        if not await self._may_use(key):
            detail = f"a key with the role {key.role} may not use this server"
            return _Refusal(403, "not-allowed", detail)
        return None

    def _refusal_without_keys(self, scope: Scope, address: str) -> _Refusal | None:
        if not self._keyring.is_local(address):
            detail = "no API key was made yet: only this machine is served"
            return _Refusal(403, "not-allowed", detail)
        if any(_tells_of_a_proxy(name.lower()) for name, _ in scope["headers"]):
            detail = (
                "this request came through a proxy and no API key was made yet: create one first "
                "with `alphashield keys create --name NAME`"
            )
            return _Refusal(403, "not-allowed", detail)
        return None

    async def _may_use(self, key: ApiKey) -> bool:
        if key.role != "read_only":
            return True
        tools = await self._server.list_tools()
        return all(tool.annotations and tool.annotations.read_only_hint for tool in tools)


def _tells_of_a_proxy(name: bytes) -> bool:
    return name in _PROXY_HEADERS or name.startswith(_PROXY_PREFIX)


def _sent_secret(scope: Scope) -> str | None:
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    scheme, _, token = headers.get(b"authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get(b"x-api-key")


async def _refuse(send: Send, refusal: _Refusal) -> None:
    body = json.dumps(
        {
            "type": f"urn:alphashield:problem:{refusal.code}",
            "title": refusal.code.replace("-", " ").capitalize(),
            "status": refusal.status,
            "detail": refusal.detail,
        }
    ).encode()
    headers = [(b"content-type", b"application/problem+json")]
    if refusal.header is not None:
        headers.append(refusal.header)
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
