"""API keys over the key store: `ask_<key id>_<random>`, kept as an HMAC with the home's pepper."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import secrets
import stat
import string
import threading
from math import ceil
from pathlib import Path

from interfaces.clock import WallClock
from interfaces.keyring import TooManyAttempts
from interfaces.store import KeyStore
from schemas.errors import BadConfiguration, NotAllowed
from schemas.keys import ApiKey, Role

PREFIX = "ask"
_ALPHABET = string.ascii_lowercase + string.digits
_PEPPER_BYTES = 32
_LONGEST_SECRET = 200
_WINDOW_SECONDS = 60
_SHARED_BITS = 64


class StoredKeyring:
    """Keys in a `KeyStore`; a stolen database opens nothing without the pepper."""

    def __init__(
        self,
        keys: KeyStore,
        *,
        pepper: bytes,
        wall: WallClock,
        failures_per_minute: int = 30,
    ) -> None:
        self._keys = keys
        self._pepper = pepper
        self._wall = wall
        self._seen_one = False
        self._failures = _Failures(wall, failures_per_minute)
        # Right before, so no guess: somebody else's wrong keys behind the same proxy or router
        # must not lock these out. The store still says each time whether they were revoked.
        self._proved: set[str] = set()

    def is_local(self, host: str) -> bool:
        """Tell whether an address or name means this machine alone."""
        return is_loopback(host)

    def required(self, host: str) -> bool:
        """Tell whether callers need a key; `NotAllowed` beyond loopback without one."""
        # Keys are revoked, never deleted: once one was made the answer stays yes.
        self._seen_one = self._seen_one or bool(self._keys.list())
        if not self._seen_one and not is_loopback(host):
            raise NotAllowed(
                f"refusing to listen on {host} without an API key: make one first with "
                "`alphashield keys create --name NAME`"
            )
        return self._seen_one

    def create(self, name: str, role: Role) -> tuple[ApiKey, str]:
        """Store a new key and return it with its secret."""
        key_id = "".join(secrets.choice(_ALPHABET) for _ in range(12))
        secret = f"{PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
        key = ApiKey(
            key_id=key_id,
            name=name,
            role=role,
            digest=self._digest(secret),
            created_at=self._wall.now(),
        )
        self._keys.add(key)
        return key, secret

    def verify(self, secret: str, *, address: str) -> ApiKey | None:
        """Return the live key of this secret, or None; `TooManyAttempts` beyond the limit."""
        plausible = secret.isascii() and len(secret) <= _LONGEST_SECRET
        digest = self._digest(secret) if plausible else None
        if digest not in self._proved:
            self._failures.refuse_beyond(address)
        key = self._live(digest) if digest else None
        if key is None or digest is None:
            self._proved.discard(digest or "")
            self._failures.count(address)
        else:
            self._proved.add(digest)
        return key

    def _live(self, digest: str) -> ApiKey | None:
        key = self._keys.find(digest)
        if key is None or not hmac.compare_digest(key.digest, digest):
            return None
        return None if key.revoked_at else key

    def list(self) -> tuple[ApiKey, ...]:
        """Return all keys, oldest first."""
        return self._keys.list()

    def revoke(self, key_id: str) -> ApiKey:
        """Revoke the key from now on."""
        return self._keys.revoke(key_id, now=self._wall.now())

    def _digest(self, secret: str) -> str:
        return hmac.new(self._pepper, secret.encode(), hashlib.sha256).hexdigest()


class _Failures:
    """Counts wrong keys by address in windows of a minute, in this process alone."""

    def __init__(self, wall: WallClock, limit: int) -> None:
        self._wall = wall
        self._limit = limit
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._ends = wall.monotonic() + _WINDOW_SECONDS

    def refuse_beyond(self, address: str) -> None:
        """Raise `TooManyAttempts` when this address has used up its window."""
        with self._lock:
            left = self._left()
            if self._counts.get(_network(address), 0) >= self._limit:
                raise TooManyAttempts(
                    f"too many wrong API keys from this address: {self._limit} a minute are heard",
                    retry_after_s=max(ceil(left), 1),
                )

    def count(self, address: str) -> None:
        """Count a wrong key of this address."""
        with self._lock:
            self._left()
            network = _network(address)
            self._counts[network] = self._counts.get(network, 0) + 1

    def _left(self) -> float:
        """Return the seconds left of the window; a new one is begun when it is over."""
        now = self._wall.monotonic()
        if now >= self._ends:
            self._counts.clear()
            self._ends = now + _WINDOW_SECONDS
        return self._ends - now


def _network(address: str) -> str:
    """Return the address, or the /64 of an IPv6 one: all of that belongs to one subscriber."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found), _SHARED_BITS), strict=False))


def load_pepper(path: Path) -> bytes:
    """Return the pepper of this home, made on first use in a file only its owner can read.

    `BadConfiguration` when others can read the file or its content is no pepper.
    """
    try:
        return _read_pepper(path)
    except FileNotFoundError:
        _write_pepper(path)
        return _read_pepper(path)


def is_loopback(host: str) -> bool:
    """Tell whether an address or name means this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _read_pepper(path: Path) -> bytes:
    with path.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise BadConfiguration(f"{path.name} can be read by others: set its mode to 600")
        text = file.read(4 * _PEPPER_BYTES).strip()
    try:
        pepper = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        pepper = b""
    if len(pepper) < _PEPPER_BYTES:
        raise BadConfiguration(
            f"{path.name} is damaged: restore it, or remove it and make new keys"
        )
    return pepper


def _write_pepper(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_PEPPER_BYTES))
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never replaces the pepper another process made meanwhile.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
