"""Errors as RFC 9457 problems: one sentence, a stable code, no secret, no path, no trace."""

from __future__ import annotations

import logging
from http import HTTPStatus

from flask import Flask, Response
from pydantic import ValidationError
from werkzeug.exceptions import BadRequest, HTTPException

from interfaces.keyring import TooManyAttempts
from schemas.api import Problem
from schemas.errors import (
    AlphaShieldError,
    BadConfiguration,
    BudgetExhausted,
    Conflict,
    InvalidRequest,
    LimitBreached,
    LookAhead,
    NotAllowed,
    NotFound,
    Unavailable,
    UntrustworthyData,
)
from schemas.validation import sentence_of

_LOG = logging.getLogger(__name__)
RETRY_SECONDS = "5"
"""When to ask again after a 503."""

# The first class that fits decides: subclasses stand before their base.
_STATUS: tuple[tuple[type[AlphaShieldError], int], ...] = (
    (TooManyAttempts, 429),
    (NotAllowed, 403),
    (NotFound, 404),
    (Conflict, 409),
    (InvalidRequest, 422),
    (LookAhead, 422),
    (UntrustworthyData, 422),
    (LimitBreached, 409),
    (BudgetExhausted, 409),
    (Unavailable, 503),
    (BadConfiguration, 503),
)
_SENTENCES = {
    400: "the request is not well-formed: {0}",
    401: "an API key is needed: send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`",
    404: "there is nothing at this address",
    405: "this address does not answer that method",
    413: "the request is larger than this server takes",
    415: "send the request as application/json",
    429: "too many requests: {0} are allowed",
}


def problem(status: int, code: str, detail: str) -> Response:
    """Build the problem response."""
    # A lone surrogate can come in through JSON; it has no UTF-8 form to go out with.
    text = detail.encode("utf-8", "replace").decode()
    body = Problem(
        type=f"urn:alphashield:problem:{code}",
        title=code.replace("-", " ").capitalize(),
        status=status,
        detail=text,
    )
    response = Response(
        body.model_dump_json(), status=status, content_type="application/problem+json"
    )
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = RETRY_SECONDS
    return response


def invalid(error: ValidationError) -> Response:
    """Flatten what pydantic found to one sentence that names every field."""
    return problem(422, InvalidRequest.code, sentence_of(error))


def handle_problems(app: Flask) -> None:
    """Make every error of the application a problem."""
    app.register_error_handler(AlphaShieldError, _ours)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _bug)


def _ours(error: AlphaShieldError) -> Response:
    for kind, status in _STATUS:
        if isinstance(error, kind):
            response = problem(status, error.code, str(error))
            if isinstance(error, TooManyAttempts):
                response.headers["Retry-After"] = str(error.retry_after_s)
            return response
    return _bug(error)


def _http(error: HTTPException) -> Response | HTTPException:
    status = error.code or 500
    if error.response is not None or status < 400:  # already a problem, or a redirect
        return error
    phrase = HTTPStatus(status).phrase
    template = _SENTENCES.get(status, phrase.lower())
    code = "-".join(phrase.lower().split())
    said = error.description or phrase.lower()
    if said == BadRequest.description:  # the library's own words do not say what to do
        said = "a body must be one JSON document, in UTF-8"
    response = problem(status, code, template.format(said))
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _bug(error: Exception) -> Response:
    _LOG.error("unhandled error", exc_info=error)
    return problem(500, "internal-error", "something failed on our side; the server's log has it")
