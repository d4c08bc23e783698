"""What the canary suite asks for though there is none: refusals may not tell of the future."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from interfaces.canaries import Bait
from orchestrator.probe import FAR, Probe


def of_horizon(bait: Bait) -> Iterator[Probe]:
    """Yield calls whose refusals might tell where the data begins or ends."""
    last = bait.sessions[-1]
    days = [last + timedelta(days=1), last + timedelta(days=4_000), FAR, date(1, 1, 1)]
    for day in (*days, *_closed(bait)):
        yield _probe("prices_get_bars", symbols=[bait.listed], start=str(day), end=str(day))
    yield _probe("prices_get_bars", symbols=[bait.listed], start=str(last), end=str(bait.session))
    yield _probe("prices_get_calendar", start=str(FAR), end=str(FAR))
    span = {"start": str(bait.ahead(4)), "end": str(FAR)}
    yield _probe("prices_get_corporate_actions", **span)
    yield _probe("prices_get_macro_series", series=bait.series, **span)
    yield _probe("lending_list_transactions", since=str(FAR))
    yield _probe("trading_cancel_order", client_order_id="none")
    moment = bait.calendar.closes_at(last).isoformat()
    yield _probe("memory_remember", text="canary", event_time=moment)


def twins(bait: Bait, name: str) -> tuple[Probe, ...]:
    """Return calls that must answer alike for any name of which nothing is known by now.

    The rebalancing places no order, whatever the prices: only its note about the symbol matters.
    """
    pair, order = [bait.listed, name], {"symbol": name, "side": "buy", "quantity": "1"}
    return (
        _probe("prices_get_bars", symbols=[name]),
        _probe("prices_get_bars", symbols=pair, lookback=5),
        _probe("prices_get_quote", symbol=name),
        _probe("prices_get_returns", symbols=[name]),
        _probe("prices_get_corporate_actions", symbol=name),
        _probe("prices_get_macro_series", series=name),
        _probe("prices_get_universe", universe=name.lower()),
        _probe("trading_preview_order", **order),
        _probe("trading_get_lots", symbol=name),
        _probe("trading_place_order", **order, reason="canary"),
        _probe(
            "trading_rebalance_to_weights",
            weights={bait.listed: "0.5", name: "0.1"},
            reason="canary",
            min_order="1000000000",
        ),
        _probe("quantum_optimize_portfolio", symbols=pair),
        _probe("quantum_select_assets", symbols=pair, choose=1),
        _probe("quantum_compare_methods", symbols=pair),
        _probe("lending_simulate_coverage", seed=1, symbols=[name]),
        _probe("search_news", symbol=name),
        _probe("search_documents", symbol=name),
        _probe("memory_remember", text="canary", symbols=[name]),
    )


def _probe(tool: str, **arguments: Any) -> Probe:
    return Probe("error-horizon", tool, arguments)


def _closed(bait: Bait) -> tuple[date, ...]:
    """Return the last day without a session before the one under decision and the first after."""
    span = (bait.sessions[-1] - bait.sessions[0]).days
    days = [bait.sessions[0] + timedelta(days=step) for step in range(span)]
    closed = [day for day in days if day not in bait.sessions]
    return (
        *[day for day in closed if day < bait.session][-1:],
        *[day for day in closed if day > bait.session][:1],
    )
