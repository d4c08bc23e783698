"""API keys over the key store: `ask_<key id>_<random>`, kept as an HMAC with the home's pepper."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import secrets
import stat
import string
from pathlib import Path

from interfaces.clock import WallClock
from interfaces.store import KeyStore
from schemas.errors import BadConfiguration, NotAllowed
from schemas.keys import ApiKey, Role

PREFIX = "ask"
_ALPHABET = string.ascii_lowercase + string.digits
_PEPPER_BYTES = 32
_LONGEST_SECRET = 200


class StoredKeyring:
    """Keys in a `KeyStore`; a stolen database opens nothing without the pepper."""

    def __init__(self, keys: KeyStore, *, pepper: bytes, wall: WallClock) -> None:
        self._keys = keys
        self._pepper = pepper
        self._wall = wall
        self._seen_one = False

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

    def verify(self, secret: str) -> ApiKey | None:
        """Return the live key of this secret, or None."""
        if not secret.isascii() or len(secret) > _LONGEST_SECRET:
            return None
        digest = self._digest(secret)
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
