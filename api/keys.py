"""API keys over HTTP, for administrators."""

from __future__ import annotations

from flask import Response

from api.parts import answer, parts
from schemas.api import KeyCreated, KeyList, KeyPath, KeyView, NewKey


def create_key(body: NewKey) -> Response:
    """Make a key and show its secret, this once.

    The first key ends the open mode: from then on every call needs one.
    """
    key, secret = parts().keyring.create(body.name, body.role)
    response = answer(KeyCreated(key=KeyView.of(key), secret=secret), 201)
    response.headers["Cache-Control"] = "no-store"
    return response


def list_keys() -> Response:
    """List all keys, without their secrets, which nobody has."""
    return answer(KeyList(keys=tuple(KeyView.of(key) for key in parts().keyring.list())))


def revoke_key(path: KeyPath) -> Response:
    """Revoke a key at once; revoking twice changes nothing."""
    return answer(KeyView.of(parts().keyring.revoke(path.key_id)))
