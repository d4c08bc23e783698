"""Who may call: API keys, and where a server may listen without one."""

from __future__ import annotations

from typing import Protocol

from schemas.errors import NotAllowed
from schemas.keys import ApiKey, Role


class TooManyAttempts(NotAllowed):
    """An address has sent too many wrong keys; it may try again in `retry_after_s` seconds."""

    code = "too-many-requests"

    def __init__(self, sentence: str, *, retry_after_s: int) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class Keyring(Protocol):
    """Makes and checks API keys; the secret itself is shown once and stored nowhere."""

    def is_local(self, host: str) -> bool:
        """Tell whether an address or name means this machine alone: all of 127/8, ::1, localhost.

        The one answer to where no key is needed, and where `Host` must be checked therefore.
        """
        ...

    def required(self, host: str) -> bool:
        """Tell whether a server listening on `host` must ask its callers for a key.

        True as soon as a key was ever made, revoked ones included. `NotAllowed` when `host` lies
        beyond loopback and no key was made: such a server must not start.
        """
        ...

    def create(self, name: str, role: Role) -> tuple[ApiKey, str]:
        """Store a new key and return it with its secret, which cannot be read again."""
        ...

    def verify(self, secret: str, *, address: str) -> ApiKey | None:
        """Return the key of this secret; None when it is unknown or revoked.

        `TooManyAttempts`, without asking the store, once `address` has sent too many wrong ones;
        a secret that was right before is still heard.
        """
        ...

    def list(self) -> tuple[ApiKey, ...]:
        """Return all keys, oldest first, revoked ones too."""
        ...

    def revoke(self, key_id: str) -> ApiKey:
        """Revoke the key from now on; `NotFound`; revoking twice changes nothing."""
        ...
