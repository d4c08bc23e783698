"""The application: parts in, a WSGI application out. The composition root of the API."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from http import HTTPStatus
from typing import NoReturn

from flask import Flask, Request, Response, g, request
from flask_limiter import Limiter
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from flask_openapi3.types import SecuritySchemesDict
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from api import metrics, pages
from api.access import Caller, guard
from api.parts import ApiParts, attach
from api.problems import RETRY_SECONDS, handle_problems, invalid
from api.routes import register
from orchestrator.datasets import DataDesk
from orchestrator.installation import admission_of
from schemas.api import Problem

MAX_BODY_BYTES = 8 * 1024 * 1024
_SCHEMES: SecuritySchemesDict = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_LONGEST_REASON = 200
_UNLIMITED = frozenset({"/healthz", "/readyz", "/metrics"})


class JsonRequest(Request):
    """A request whose body is JSON or refused: the framework itself would read it as null."""

    def on_json_loading_failure(self, e: ValueError | None) -> NoReturn:
        """Say why the body cannot be read; without an error it did not say it is JSON."""
        if e is None:
            raise UnsupportedMediaType
        raise BadRequest(str(e)[:_LONGEST_REASON])

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> object:  # noqa: ARG002, FBT001, FBT002  # the signature is Flask's
        """Return the parsed body; 400 when malformed, 415 when it does not say it is JSON."""
        try:
            return super().get_json(force=force, silent=False, cache=cache)
        except RecursionError:
            raise BadRequest("the JSON is nested too deeply") from None


def create_app(parts: ApiParts) -> Flask:
    """Build the application on these parts.

    `NotAllowed` when it would listen beyond loopback without an API key.
    """
    parts.keyring.required(parts.host)
    app = OpenAPI(
        "api",
        info=Info(
            title="AlphaShield",
            version=parts.admission.code_version,
            description="Launch simulations of trading agents and of self-funding loans, watch "
            "them, and read what came of them. Errors are RFC 9457 problems; money, prices and "
            "quantities are decimal strings.",
        ),
        security_schemes=_SCHEMES,
        validation_error_status=422,
        validation_error_model=Problem,
        validation_error_callback=invalid,
        doc_ui=False,
        static_folder=None,
        template_folder="templates",
    )
    app.request_class = JsonRequest
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    attach(app, parts)
    app.extensions[pages.METRICS] = metrics.measure(app)
    app.extensions[pages.OPENAPI] = app
    handle_problems(app)
    guard(app, register(app))
    _limit(app, parts.rate_limit)
    return app


def from_settings(host: str | None = None) -> Flask:
    """Build the application for a WSGI server from the settings; `host` is where it listens."""
    # Not needed, and heavy, where the parts come in as arguments.
    from adapters.wiring import calendar, open_system
    from config.settings import load_settings

    settings = load_settings()
    resources = ExitStack()
    system = resources.enter_context(open_system(settings))
    atexit.register(resources.close)
    return create_app(
        ApiParts(
            jobs=system.store.jobs,
            artifacts=system.store.artifacts,
            keyring=system.keyring,
            kill_switch=system.kill_switch,
            risk=system.risk_in_force(),
            admission=admission_of(system, calendar),
            data=DataDesk(
                library=system.catalog,
                downloads=system.store.downloads,
                jobs=system.store.jobs,
                sources=system.sources,
                check=system.catalog.check,
                quality=system.quality,
                told=system.catalog.import_report,
                calendar=calendar,
                wall=system.wall,
            ),
            wall=system.wall,
            host=host or settings.host,
        )
    )


def _limit(app: Flask, rate: str) -> None:
    """Limit each key, or address without one; counted in this process alone."""

    def who() -> str:
        caller: Caller | None = g.get("caller")
        return caller.name if caller else request.remote_addr or "unknown"

    def spare(response: Response) -> Response:
        # The limiter tells every answer when its window ends; only a 429 has to wait for that.
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            response.headers["Retry-After"] = RETRY_SECONDS
        elif response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
            response.headers.pop("Retry-After", None)
        return response

    app.after_request(spare)  # the last to be called: Flask asks the newest first
    Limiter(
        who,
        app=app,
        application_limits=[rate],
        application_limits_exempt_when=lambda: request.path in _UNLIMITED,
        storage_uri="memory://",
        headers_enabled=True,
    )
