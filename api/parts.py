"""What the application is built from, and how a view reaches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, Response, current_app, request
from pydantic import BaseModel

from interfaces.clock import WallClock
from interfaces.keyring import Keyring
from interfaces.kill_switch import KillSwitch
from interfaces.store import ArtifactStore, JobStore
from orchestrator.datasets import DataDesk
from orchestrator.jobs import Admission
from schemas.risk_views import RiskInForce

_NAME = "alphashield"


@dataclass(frozen=True, slots=True)
class ApiParts:
    """The ports behind the API. `host` is the address the server listens on."""

    jobs: JobStore
    artifacts: ArtifactStore
    keyring: Keyring
    kill_switch: KillSwitch
    risk: RiskInForce
    admission: Admission
    data: DataDesk
    wall: WallClock
    host: str = "127.0.0.1"
    rate_limit: str = "600 per minute"


def attach(app: Flask, parts: ApiParts) -> None:
    """Give the application its parts."""
    app.extensions[_NAME] = parts


def parts() -> ApiParts:
    """Return the parts of the application that serves this request."""
    return cast("ApiParts", current_app.extensions[_NAME])


def answer(message: BaseModel, status: int = 200) -> Response:
    """Answer with a message as JSON."""
    return Response(message.model_dump_json(), status=status, content_type="application/json")


def answer_file(content: bytes, content_type: str) -> Response:
    """Answer with a stored file; one the caller has already is not sent again."""
    response = Response(content, content_type=content_type)
    response.add_etag()
    response.headers["Cache-Control"] = "private, no-cache"
    return cast("Response", response.make_conditional(request))
