"""Who may call: API keys, and where a server may listen without one."""

from __future__ import annotations

from typing import Protocol

from schemas.keys import ApiKey, Role


class Keyring(Protocol):
    """Makes and checks API keys; the secret itself is shown once and stored nowhere."""

    def required(self, host: str) -> bool:
        """Tell whether a server listening on `host` must ask its callers for a key.

        True as soon as a key was ever made, revoked ones included. `NotAllowed` when `host` lies
        beyond loopback and no key was made: such a server must not start.
        """
        ...

    def create(self, name: str, role: Role) -> tuple[ApiKey, str]:
        """Store a new key and return it with its secret, which cannot be read again."""
        ...

    def verify(self, secret: str) -> ApiKey | None:
        """Return the key of this secret; None when it is unknown or revoked."""
        ...

    def list(self) -> tuple[ApiKey, ...]:
        """Return all keys, oldest first, revoked ones too."""
        ...

    def revoke(self, key_id: str) -> ApiKey:
        """Revoke the key from now on; `NotFound`; revoking twice changes nothing."""
        ...
