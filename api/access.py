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
_PROXY_PREFIX = "x-forwarded-"
_PROXY_HEADERS = frozenset({"forwarded", "via", "x-real-ip"})


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
    address = request.remote_addr or ""
    if not ports.keyring.required(ports.host):
        # A server told it listens on loopback may still be reached through another door.
        if not ports.keyring.is_local(address):
            raise NotAllowed("no API key was made yet: only this machine itself is served")
        _refuse_proxies()
        return Caller("local", "admin")
    secret = _sent_secret()
    key = ports.keyring.verify(secret, address=address) if secret else None
    if key is None:
        raise Unauthorized(www_authenticate=WWWAuthenticate("bearer"))
    return Caller(key.key_id, key.role)


def _sent_secret() -> str | None:
    authorization = request.authorization
    if authorization is not None and authorization.type == "bearer":
        return authorization.token
    return request.headers.get("X-API-Key")


def _refuse_proxies() -> None:
    """Refuse what a proxy on this machine passes on: its sender may be anybody."""
    for name in (each.lower() for each in request.headers.keys()):  # noqa: SIM118  # not a dict
        if name in _PROXY_HEADERS or name.startswith(_PROXY_PREFIX):
            raise NotAllowed(
                "this request came through a proxy and no API key was made yet: create one first "
                "with `alphashield keys create --name NAME`"
            )


def _refuse_strange_hosts() -> None:
    """Refuse names that a hostile page may have bound to this machine (DNS rebinding)."""
    if _serves_this_machine() and not _is_local(f"//{request.host}"):
        raise NotAllowed("this server answers to localhost only")


def _refuse_strange_origins() -> None:
    """Refuse changes that a page of another origin sends through its reader's browser.

    `Host` is the sender's word: on loopback the origin must be this machine's by itself. Beyond
    it every call needs a key, which a page that was bound to our address does not have.
    """
    origin = request.headers.get("Origin")
    if origin is None or request.method in _SAFE:
        return
    strange = _serves_this_machine() and not _is_local(origin)
    if strange or _netloc(origin) != request.host:
        raise NotAllowed("pages of another origin may not change anything here")


def _serves_this_machine() -> bool:
    ports = parts()
    return ports.keyring.is_local(ports.host)


def _is_local(address: str) -> bool:
    try:
        name = urlsplit(address).hostname
    except ValueError:
        return False
    return name is not None and parts().keyring.is_local(name)


def _netloc(address: str) -> str | None:
    try:
        return urlsplit(address).netloc
    except ValueError:
        return None
