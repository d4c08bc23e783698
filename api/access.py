"""Who may do what: keys, roles, and defence against pages of other origins.

Default deny: what has no row in the route table is refused to everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from flask import Flask, g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from api.parts import parts
from schemas.errors import NotAllowed
from schemas.keys import Role

ANYONE: frozenset[Role] = frozenset({"admin", "read_write", "read_only"})
WRITERS: frozenset[Role] = frozenset({"admin", "read_write"})
ADMINS: frozenset[Role] = frozenset({"admin"})

Access = Mapping[tuple[str, str], frozenset[Role] | None]
"""(method, rule) to the roles that may call it; None is open to the world, without a key."""

_SAFE = frozenset({"GET", "HEAD"})
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key, or whoever sits at this machine while no key was made."""

    name: str
    role: Role


def guard(app: Flask, access: Access) -> None:
    """Check every request before its view: host, origin, key, role."""

    def check() -> None:
        _refuse_strange_hosts()
        _refuse_strange_origins()
        rule = request.url_rule
        if rule is None:  # no such route: the router's own 404 or 405 follows
            return
        method = "GET" if request.method == "HEAD" else request.method
        if (method, rule.rule) not in access:
            raise NotAllowed("nobody may call this")
        roles = access[method, rule.rule]
        if roles is None:
            return
        g.caller = authenticate()
        if g.caller.role not in roles:
            raise NotAllowed(f"a key with the role {g.caller.role} may not do this")

    app.before_request(check)


def caller() -> Caller:
    """Return who makes this request; only behind a route that is not public."""
    return cast("Caller", g.caller)


def authenticate() -> Caller:
    """Return the caller by the key sent, or as the person at this machine; 401 otherwise."""
    ports = parts()
    if not ports.keyring.required(ports.host):
        # A server told it listens on loopback may still be reached through another door.
        if request.remote_addr not in _LOOPBACK_NAMES:
            raise NotAllowed("no API key was made yet: only this machine itself is served")
        return Caller("local", "admin")
    secret = _sent_secret()
    key = ports.keyring.verify(secret) if secret else None
    if key is None:
        raise Unauthorized(www_authenticate=WWWAuthenticate("bearer"))
    return Caller(key.key_id, key.role)


def _sent_secret() -> str | None:
    authorization = request.authorization
    if authorization is not None and authorization.type == "bearer":
        return authorization.token
    return request.headers.get("X-API-Key")


def _refuse_strange_hosts() -> None:
    """Refuse names that a hostile page may have bound to this machine (DNS rebinding)."""
    if parts().host in _LOOPBACK_NAMES and _hostname(f"//{request.host}") not in _LOOPBACK_NAMES:
        raise NotAllowed("this server answers to localhost only")


def _refuse_strange_origins() -> None:
    """Refuse changes that a page of another origin sends through its reader's browser."""
    origin = request.headers.get("Origin")
    if origin is None or request.method in _SAFE:
        return
    if _netloc(origin) != request.host:
        raise NotAllowed("pages of another origin may not change anything here")


def _hostname(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _netloc(address: str) -> str | None:
    try:
        return urlsplit(address).netloc
    except ValueError:
        return None
