"""What a provider says when it is asked for something it does not have."""

from __future__ import annotations

from schemas.downloads import FactKind
from schemas.errors import InvalidRequest


def not_offered(provider: str, kind: FactKind) -> InvalidRequest:
    """Return the error for a kind that the provider's `offers` does not list."""
    return InvalidRequest(f"{provider} has no {kind}")
