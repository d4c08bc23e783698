"""API keys as they are stored: never the key itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.base import Instant, Message, Sha256

Role = Literal["admin", "read_write", "read_only"]


class ApiKey(Message):
    """One key: a public id, a role, and the keyed hash of the secret."""

    key_id: str = Field(pattern=r"^[a-z0-9]{8,16}$")
    name: str = Field(min_length=1, max_length=80)
    role: Role = "read_write"
    digest: Sha256 = Field(description="HMAC-SHA-256 of the key with the server's pepper")
    created_at: Instant
    revoked_at: Instant | None = None
