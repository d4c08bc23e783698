"""What the canary suite asks: calls of every tool that could show the future."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from interfaces.canaries import LATER_WORD, PAST_WORD, TOLD_WORD, Bait
from orchestrator.canary_facts import of_facts
from orchestrator.canary_horizon import of_horizon, twins
from orchestrator.probe import FAR, FIELDS, HUGE, Probe
from schemas.base import plain
from schemas.loan import BorrowerDocument, BorrowerFile, LoanApplication, Transaction
from trading.orders import keyed_order_id

EVE_KEY = "eve"
"""The client's key of the order placed in the session before."""


def probes(bait: Bait) -> tuple[Probe, ...]:
    """Return all calls, in the order in which they are made."""
    return (
        *_prices(bait),
        *_quantum(bait),
        *_lending(),
        *of_facts(bait),
        *_documents(bait),
        *_session(bait),
        *of_horizon(bait),
        *(probe for name in (*bait.coming, bait.unknown) for probe in twins(bait, name)),
    )


def _prices(bait: Bait) -> Iterator[Probe]:
    known = [bait.listed, bait.recent]
    first, following = bait.sessions[0], bait.ahead(1)
    close = plain(bait.last_close)

    def probe(tool: str, *, shows: str | None = None, **arguments: Any) -> Probe:
        return Probe("future-prices", tool, arguments, shows)

    bars = "prices_get_bars"
    yield probe(bars, symbols=known, lookback=HUGE, fields=FIELDS, shows=close)
    yield probe(bars, symbols=known, shows=close)
    yield probe(bars, symbols=known, start=str(first), fields=FIELDS, shows=close)
    for start, end in ((first, following), (following, following), (following, FAR), (first, FAR)):
        yield probe(bars, symbols=[bait.listed], start=str(start), end=str(end), fields=FIELDS)
    yield probe(bars, symbols=[bait.listed], end=str(following), lookback=3)
    yield probe("prices_get_returns", symbols=known, lookback=HUGE, shows=bait.recent)
    yield probe("prices_list_symbols", shows=bait.recent)
    span = {"start": str(bait.sessions[0]), "end": str(bait.sessions[-1])}
    name = bait.calendar.name
    yield Probe("future-prices", "prices_get_calendar", span, shows=name, plans=True)
    yield probe("prices_get_clock", shows=bait.session.isoformat())


def _quantum(bait: Bait) -> Iterator[Probe]:
    """Ask for more closes than there are: the count is told, and no solver has to be loaded.

    All three tools read their closes before anything else; the solvers see arrays alone.
    """
    known, counted = [bait.listed, bait.recent], f"have {bait.recent_bars} common closes"
    for tool, more in (
        ("quantum_optimize_portfolio", {}),
        ("quantum_select_assets", {"choose": 1}),
        ("quantum_compare_methods", {}),
    ):
        arguments = {"symbols": known, "lookback": 252, **more}
        yield Probe("future-prices", tool, arguments, counted, refused=True)


def _lending() -> Iterator[Probe]:
    for tool, more in (
        ("simulate_coverage", {"seed": 1, "paths": 100, "history_years": 1}),
        ("get_coverage", {}),
        ("compare_plain_loan", {}),
        ("assess_affordability", {}),
        ("assess_underwriting", {}),
        ("assess_budget", {}),
        ("find_anomalies", {}),
        ("review_terms", {"contract_text": "The lender may change the rate."}),
    ):
        yield Probe("future-prices", f"lending_{tool}", more, "")
    yield Probe("future-prices", "lending_estimate_tax", {"year": 2020})
    for tool in ("get_application", "get_amortization_schedule", "get_apr"):
        yield Probe("future-prices", f"lending_{tool}", shows="", plans=True)


def _documents(bait: Bait) -> Iterator[Probe]:
    def probe(tool: str, *, shows: str | None = None, **arguments: Any) -> Probe:
        return Probe("documents", tool, arguments, shows)

    for tool in ("search_news", "search_documents"):
        for word in (PAST_WORD, TOLD_WORD):
            yield probe(tool, limit=50, shows=word)
            yield probe(tool, query="merger", limit=50, shows=word)
            yield probe(tool, query="merger", symbol=bait.listed, limit=50, shows=word)
    yield probe("lending_list_transactions", limit=2000, shows=PAST_WORD)
    yield probe("lending_list_transactions", until=str(bait.ahead(1)))
    yield probe("lending_get_borrower_documents", shows=PAST_WORD)


def _session(bait: Bait) -> Iterator[Probe]:
    """Ask for the session's own prices, and trade: what is held was bought the session before."""
    today, eve = str(bait.session), str(bait.calendar.previous(bait.session))
    close = plain(bait.last_close)

    def probe(tool: str, *, shows: str | None = None, **arguments: Any) -> Probe:
        return Probe("current-session", tool, arguments, shows)

    bars = "prices_get_bars"
    yield probe(bars, symbols=[bait.listed], lookback=1, fields=FIELDS, shows=close)
    for start in (eve, today):
        yield probe(bars, symbols=[bait.listed], start=start, end=today, fields=FIELDS)
    yield probe("prices_get_quote", symbol=bait.listed, shows=close)
    order = {"symbol": bait.listed, "side": "buy", "quantity": "1"}
    yield probe("trading_get_mode", shows="simulation")
    yield probe("trading_preview_order", **order, shows=close)
    low, high = plain(bait.last_close * 4 / 5), plain(bait.last_close * 5 / 4)
    kinds = (
        {"order_type": "limit", "limit_price": low},
        {"order_type": "stop", "stop_price": high},
        {"order_type": "stop_limit", "stop_price": high, "limit_price": high},
        {"order_type": "trailing_stop", "trail_share": "0.1"},
        {"time_in_force": "at_close"},
    )
    for kind in kinds:
        yield probe("trading_preview_order", **order, **kind, shows=close)
    yield probe("trading_place_order", **order, reason="canary", shows="accepted")
    money = {"symbol": bait.listed, "side": "buy", "notional": "100"}
    yield probe("trading_place_order", **money, reason="canary", shows="accepted")
    bracket = {**order, **kinds[0], "take_profit": high, "stop_loss": plain(bait.last_close / 2)}
    yield probe("trading_place_order", **bracket, reason="canary", shows="exit_ids")
    yield probe(
        "trading_rebalance_to_weights",
        weights={bait.listed: "0.5"},
        reason="canary",
        shows="accepted",
    )
    yield probe("trading_get_account", shows=bait.listed)
    yield probe("trading_get_positions", shows=close)
    yield probe("trading_get_lots", symbol=bait.listed, shows=eve)
    yield probe("trading_list_orders", shows=bait.listed)
    yield probe("trading_explain_trade", client_order_id=eve_order_id(bait), shows="commissions")


def eve_order_id(bait: Bait) -> str:
    """Return the id of the order that the rehearsal fills in the session before, under its key."""
    eve = bait.calendar.previous(bait.session).toordinal()
    return keyed_order_id("canaries", eve, "alpha_trading", key=EVE_KEY)


def borrower(bait: Bait) -> BorrowerFile:
    """Return a made-up borrower's file, half of which is dated after the session's eve."""
    day = timedelta(days=1)
    past = [bait.session - step * day for step in range(240, 1, -20)]  # months enough for a budget
    later = [bait.session, bait.session + day, bait.sessions[-1]]
    dated = [(on, PAST_WORD) for on in past] + [(on, LATER_WORD) for on in later]
    return BorrowerFile(
        application=LoanApplication(
            application_id="canary",
            borrower_id="canary",
            borrower_name="Canary",
            applied_on=bait.session - 30 * day,
            purpose="canary",
            principal=Decimal(1000),
            rate_annual=Decimal("0.08"),
            term_months=3,
            disbursed_on=bait.session,
            first_due_on=bait.session + 30 * day,
            income_monthly_net=Decimal(2000),
            income_monthly_gross=Decimal(2500),
            expenses_monthly=Decimal(1500),
            debt_payments_monthly=Decimal(0),
        ),
        transactions=tuple(
            Transaction(posted_on=on, amount=Decimal(-10), category="other", merchant=word)
            for on, word in dated
        ),
        documents=tuple(
            BorrowerDocument(
                document_id=f"paper-{n}", kind="other", title=word, issued_on=on, text=word
            )
            for n, (on, word) in enumerate(dated)
        ),
    )
