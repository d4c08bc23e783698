"""Counts and durations for Prometheus; each application has its own registry."""

from __future__ import annotations

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

from api.parts import parts

_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


def measure(app: Flask) -> CollectorRegistry:
    """Count every request by method, route and status, and time it; return the registry."""
    registry = CollectorRegistry()
    requests = Counter(
        "alphashield_http_requests",
        "Requests answered",
        ("method", "route", "status"),
        registry=registry,
    )
    seconds = Histogram(
        "alphashield_http_request_seconds",
        "Seconds from the request to its answer",
        ("method", "route"),
        buckets=_BUCKETS,
        registry=registry,
    )

    def start() -> None:
        g.started = parts().wall.monotonic()

    def stop(response: Response) -> Response:
        # Unknown addresses and methods share one label each: a caller cannot make new series.
        route = request.url_rule.rule if request.url_rule else "unknown"
        method = request.method if request.url_rule else "unknown"
        requests.labels(method, route, str(response.status_code)).inc()
        seconds.labels(method, route).observe(parts().wall.monotonic() - g.started)
        return response

    app.before_request(start)
    app.after_request(stop)
    return registry


def exposition(registry: CollectorRegistry) -> Response:
    """Return the registry in Prometheus' text format."""
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
