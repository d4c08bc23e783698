"""What stands outside /api/v1: health, metrics, the front page, the documentation."""

from __future__ import annotations

from typing import Any, cast

from flask import Response, current_app, make_response, render_template
from prometheus_client import CollectorRegistry
from werkzeug.exceptions import Unauthorized

from api.access import authenticate
from api.metrics import exposition
from api.parts import answer, parts
from schemas.api import Health, JobView

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
METRICS = "alphashield-metrics"
OPENAPI = "alphashield-openapi"
_SHOWN_JOBS = 50


def healthz() -> Response:
    """Tell that the process lives."""
    return answer(Health(status="alive"))


def readyz() -> Response:
    """Tell that the store answers; 503 when it does not."""
    parts().jobs.list(limit=1)
    return answer(Health(status="ready"))


def metrics() -> Response:
    """Return counts and durations for Prometheus."""
    return exposition(cast("CollectorRegistry", current_app.extensions[METRICS]))


def openapi() -> Response:
    """Return the OpenAPI 3.1 description of this API."""
    return cast("Response", current_app.json.response(_description()))


def docs() -> Response:
    """Return the description as a page to read."""
    return _page("docs.html", description=_description())


def front() -> Response:
    """Return the front page: the newest jobs, for whoever may see them."""
    try:
        authenticate()
    except Unauthorized:
        return _page("index.html", jobs=None)
    jobs = tuple(JobView.of(job) for job in parts().jobs.list(limit=_SHOWN_JOBS))
    return _page("index.html", jobs=jobs)


def _description() -> dict[str, Any]:
    app: Any = current_app.extensions[OPENAPI]
    return cast("dict[str, Any]", app.api_doc)


def _page(template: str, **values: object) -> Response:
    response = make_response(render_template(template, **values))
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response
