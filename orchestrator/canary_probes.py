"""What the canary suite asks: calls of every tool that could show the future."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from interfaces.canaries import LATER_WORD, PAST_WORD, Bait
from schemas.base import plain
from schemas.canaries import CanaryName
from schemas.loan import BorrowerDocument, BorrowerFile, LoanApplication, Transaction

FAR = date(9999, 12, 31)
_FIELDS = ["open", "high", "low", "close", "volume"]
_HUGE = 20_000


@dataclass(frozen=True, slots=True)
class Probe:
    """One call, the canary it belongs to, and what it has to answer for its silence to count."""

    canary: CanaryName
    tool: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    shows: str | None = None
    """Stands in every honest answer; None when the call may as well be refused."""
    refused: bool = False
    """Whether that answer is a refusal."""
    plans: bool = False
    """Whether its answer may name later dates: a published calendar, a schedule of payments."""


def probes(bait: Bait) -> tuple[Probe, ...]:
    """Return all calls, in the order in which they are made."""
    unlisted, unknown = twins(bait, bait.unlisted), twins(bait, bait.unknown)
    return (
        *_prices(bait),
        *_quantum(bait),
        *_lending(),
        *_documents(bait),
        *_session(bait),
        *_horizon(bait),
        *unlisted,
        *unknown,
    )


def twins(bait: Bait, symbol: str) -> tuple[Probe, ...]:
    """Return calls that must answer alike for any symbol without a price by now.

    The last places no order, whatever the prices: only its note about the symbol matters.
    """

    def probe(tool: str, **arguments: Any) -> Probe:
        return Probe("error-horizon", tool, arguments)

    return (
        probe("prices_get_bars", symbols=[symbol]),
        probe("prices_get_bars", symbols=[bait.listed, symbol], lookback=5),
        probe("prices_get_quote", symbol=symbol),
        probe("prices_get_returns", symbols=[symbol]),
        probe("trading_preview_order", symbol=symbol, side="buy", quantity="1"),
        probe(
            "trading_rebalance_to_weights",
            weights={bait.listed: "0.5", symbol: "0.1"},
            reason="canary",
            min_order="1000000000",
        ),
    )


def _prices(bait: Bait) -> Iterator[Probe]:
    known = [bait.listed, bait.recent]
    first, following = bait.sessions[0], _days(bait, 1)
    close = plain(bait.last_close)

    def probe(tool: str, *, shows: str | None = None, **arguments: Any) -> Probe:
        return Probe("future-prices", tool, arguments, shows)

    bars = "prices_get_bars"
    yield probe(bars, symbols=known, lookback=_HUGE, fields=_FIELDS, shows=close)
    yield probe(bars, symbols=known, shows=close)
    yield probe(bars, symbols=known, start=str(first), fields=_FIELDS, shows=close)
    for start, end in ((first, following), (following, following), (following, FAR), (first, FAR)):
        yield probe(bars, symbols=[bait.listed], start=str(start), end=str(end), fields=_FIELDS)
    yield probe(bars, symbols=[bait.listed], end=str(following), lookback=3)
    yield probe("prices_get_returns", symbols=known, lookback=_HUGE, shows=bait.recent)
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
        yield probe(tool, limit=50, shows=PAST_WORD)
        yield probe(tool, query="merger", limit=50, shows=PAST_WORD)
        yield probe(tool, query="merger", symbol=bait.listed, limit=50, shows=PAST_WORD)
    yield probe("lending_list_transactions", limit=2000, shows=PAST_WORD)
    yield probe("lending_list_transactions", until=str(_days(bait, 1)))
    yield probe("lending_get_borrower_documents", shows=PAST_WORD)


def _session(bait: Bait) -> Iterator[Probe]:
    """Ask for the session's own prices, and trade: what is held was bought the session before."""
    today, eve = str(bait.session), str(bait.calendar.previous(bait.session))
    close = plain(bait.last_close)

    def probe(tool: str, *, shows: str | None = None, **arguments: Any) -> Probe:
        return Probe("current-session", tool, arguments, shows)

    bars = "prices_get_bars"
    yield probe(bars, symbols=[bait.listed], lookback=1, fields=_FIELDS, shows=close)
    for start in (eve, today):
        yield probe(bars, symbols=[bait.listed], start=start, end=today, fields=_FIELDS)
    yield probe("prices_get_quote", symbol=bait.listed, shows=close)
    order = {"symbol": bait.listed, "side": "buy", "quantity": "1"}
    yield probe("trading_get_mode", shows="simulation")
    yield probe("trading_preview_order", **order, shows=close)
    yield probe("trading_place_order", **order, reason="canary", shows="accepted")
    yield probe(
        "trading_rebalance_to_weights",
        weights={bait.listed: "0.5"},
        reason="canary",
        shows="accepted",
    )
    yield probe("trading_get_account", shows=bait.listed)
    yield probe("trading_get_positions", shows=close)
    yield probe("trading_list_orders", shows=bait.listed)


def _horizon(bait: Bait) -> Iterator[Probe]:
    """Ask for what there is not: the refusals may not tell where the data begins or ends."""

    def probe(tool: str, **arguments: Any) -> Probe:
        return Probe("error-horizon", tool, arguments)

    last = bait.sessions[-1]
    days = [last + timedelta(days=1), last + timedelta(days=4_000), FAR, date(1, 1, 1)]
    for day in (*days, *_closed(bait)):
        yield probe("prices_get_bars", symbols=[bait.listed], start=str(day), end=str(day))
    yield probe("prices_get_bars", symbols=[bait.listed], start=str(last), end=str(bait.session))
    yield probe("prices_get_calendar", start=str(FAR), end=str(FAR))
    yield probe("lending_list_transactions", since=str(FAR))
    yield probe("lending_simulate_coverage", seed=1, symbols=[bait.unknown])
    yield probe("trading_cancel_order", client_order_id="none")
    moment = bait.calendar.closes_at(last).isoformat()
    yield probe("memory_remember", text="canary", event_time=moment)


def _closed(bait: Bait) -> tuple[date, ...]:
    """Return the last day without a session before the one under decision and the first after."""
    span = (bait.sessions[-1] - bait.sessions[0]).days
    days = [bait.sessions[0] + timedelta(days=step) for step in range(span)]
    closed = [day for day in days if day not in bait.sessions]
    return (
        *[day for day in closed if day < bait.session][-1:],
        *[day for day in closed if day > bait.session][:1],
    )


def _days(bait: Bait, ahead: int) -> date:
    """Return the session that many after the one under decision."""
    return bait.sessions[bait.sessions.index(bait.session) + ahead]


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
