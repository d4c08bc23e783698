"""Every route with its view and the roles that may call it: the one table of the API."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from flask import Response
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel

from api import data, jobs, keys, pages, risk
from api.access import ADMINS, ANYONE, WRITERS, Access
from schemas.api import (
    DataCoverage,
    Deletion,
    DownloadPage,
    DownloadView,
    Health,
    JobPage,
    JobView,
    KeyCreated,
    KeyList,
    KeyView,
    ModelList,
    ProviderList,
    SymbolList,
    Validation,
)
from schemas.halts import HaltState
from schemas.keys import Role
from schemas.results import ResultsBundle
from schemas.risk_views import LimitsInForce, RuleList

V1 = "/api/v1"
_PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}
_BODY = (400, 404, 409, 413, 415, 503)
"""What may be wrong with a body about data, or with the settings and the disk it needs."""
_HALTING = (400, 413, 415, 503)
"""What may be wrong with a word to the kill switch, or with its store."""
_ALWAYS = {
    401: "No valid API key",
    403: "Not allowed",
    422: "Cannot be understood",
    429: "Too many",
}


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address. `roles` None is open to the world; `says` is what it answers."""

    method: Literal["GET", "POST", "DELETE"]
    rule: str
    view: Callable[..., Response]
    roles: frozenset[Role] | None
    says: type[BaseModel] | str
    status: int = 200
    problems: tuple[int, ...] = ()


ROUTES: tuple[Route, ...] = (
    Route(
        "POST", f"{V1}/jobs", jobs.create_job, WRITERS, JobView, 202, problems=(400, 409, 413, 415)
    ),
    Route("GET", f"{V1}/jobs", jobs.list_jobs, ANYONE, JobPage),
    Route("GET", f"{V1}/jobs/<job_id>", jobs.show_job, ANYONE, JobView, problems=(404,)),
    Route("POST", f"{V1}/jobs/<job_id>/cancel", jobs.cancel_job, WRITERS, JobView, 202, (404, 409)),
    Route("POST", f"{V1}/jobs/<job_id>/resume", jobs.resume_job, WRITERS, JobView, 202, (404, 409)),
    Route(
        "GET",
        f"{V1}/jobs/<job_id>/results",
        jobs.job_results,
        ANYONE,
        ResultsBundle,
        problems=(404, 409),
    ),
    Route(
        "GET",
        f"{V1}/jobs/<job_id>/report",
        jobs.job_report,
        ANYONE,
        "text/html",
        problems=(404, 409),
    ),
    Route(
        "GET",
        f"{V1}/jobs/<job_id>/files/<name>",
        jobs.job_file,
        ANYONE,
        "application/octet-stream",
        problems=(404, 409),
    ),
    Route("GET", f"{V1}/models", data.list_models, ANYONE, ModelList),
    Route("GET", f"{V1}/data/symbols", data.list_symbols, ANYONE, SymbolList, problems=(404,)),
    Route("GET", f"{V1}/data/coverage", data.show_coverage, ANYONE, DataCoverage, problems=(404,)),
    Route("GET", f"{V1}/data/quota", data.show_quota, ANYONE, ProviderList),
    Route("POST", f"{V1}/data/download", data.create_download, WRITERS, DownloadView, 202, _BODY),
    Route("POST", f"{V1}/data/refresh", data.refresh_data, WRITERS, DownloadView, 202, _BODY),
    Route("POST", f"{V1}/data/validate", data.validate_data, WRITERS, Validation, problems=_BODY),
    Route(
        "GET",
        f"{V1}/data/download/status",
        data.show_downloads,
        ANYONE,
        DownloadPage,
        problems=(404,),
    ),
    Route(
        "POST",
        f"{V1}/data/download/cancel",
        data.stop_download,
        WRITERS,
        DownloadView,
        202,
        (404, 409),
    ),
    Route(
        "POST",
        f"{V1}/data/download/resume",
        data.resume_download,
        WRITERS,
        DownloadView,
        202,
        (404, 409),
    ),
    Route(
        "DELETE", f"{V1}/data/range", data.delete_data, ADMINS, Deletion, problems=(404, 409, 503)
    ),
    Route(
        "POST",
        f"{V1}/auth/keys",
        keys.create_key,
        ADMINS,
        KeyCreated,
        201,
        problems=(400, 413, 415),
    ),
    Route("GET", f"{V1}/auth/keys", keys.list_keys, ADMINS, KeyList),
    Route("DELETE", f"{V1}/auth/keys/<key_id>", keys.revoke_key, ADMINS, KeyView, problems=(404,)),
    Route("GET", f"{V1}/risk/halt", risk.show_halt, ANYONE, HaltState, problems=(503,)),
    Route("POST", f"{V1}/risk/halt", risk.halt_trading, WRITERS, HaltState, problems=_HALTING),
    Route(
        "POST",
        f"{V1}/risk/halt/release",
        risk.release_halt,
        ADMINS,
        HaltState,
        problems=(*_HALTING, 409),
    ),
    Route("GET", f"{V1}/risk/limits", risk.show_limits, ANYONE, LimitsInForce),
    Route("GET", f"{V1}/risk/rules", risk.list_rules, ANYONE, RuleList),
    Route("GET", f"{V1}/openapi.json", pages.openapi, None, "application/json"),
    Route("GET", "/api/docs", pages.docs, None, "text/html"),
    Route("GET", "/healthz", pages.healthz, None, Health),
    Route("GET", "/readyz", pages.readyz, None, Health, problems=(503,)),
    Route("GET", "/metrics", pages.metrics, ANYONE, "text/plain"),
    Route("GET", "/", pages.front, None, "text/html"),
)


def register(app: OpenAPI) -> Access:
    """Add every route to the application and return who may call what."""
    for route in ROUTES:
        summary, description = _words(route.view)
        options: dict[str, Any] = {
            "responses": _responses(route),
            "security": [] if route.roles is None else [{"bearer": []}, {"api_key": []}],
            "operation_id": route.view.__name__,
            "summary": summary,
            "description": description or summary,
            "openapi_extensions": {"x-roles": _roles(route.roles)},
        }
        # The framework's decorators are untyped.
        add: Any = getattr(app, route.method.lower())
        add(route.rule, **options)(route.view)
    return {(route.method, route.rule): route.roles for route in ROUTES}


def _words(view: Callable[..., Response]) -> tuple[str, str]:
    first, _, rest = (inspect.getdoc(view) or "").partition("\n")
    return first, " ".join(rest.split())


def _responses(route: Route) -> dict[int, Any]:
    responses: dict[int, Any] = {
        route.status: {
            "description": "Done",
            "content": {route.says: {"schema": {"type": "string"}}},
        }
        if isinstance(route.says, str)
        else route.says
    }
    for status in sorted({*_ALWAYS, *route.problems}):
        responses[status] = {
            "description": _ALWAYS.get(status, "Problem"),
            "content": {"application/problem+json": _PROBLEM},
        }
    return responses


def _roles(roles: frozenset[Role] | None) -> str:
    return "open to the world" if roles is None else f"roles: {', '.join(sorted(roles))}"
