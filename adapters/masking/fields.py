"""What every field that passes between a run and its model is: a typed table, nothing guessed.

A tool or a field that is not here cannot be masked, and a masked run stops at it. Whoever adds one
adds its kind here; a test holds the table against the servers' own lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

Kind = Literal[
    "plain", "symbol", "date", "lot", "price", "quantity", "excess", "text", "ours", "name"
]
"""`plain` passes as it is: money, weights, rates, counts, codes, ids made of hashes.

`price` and `quantity` are in units of the object's `symbol`, or, in columns, of its `symbols`;
`excess` is in what its `limit` counts. `date` is a day or a moment in ISO form, `lot` an id that
begins with one, packed. `text` is anybody's
prose; `ours` is a sentence of this program; `name` is a name from outside that nobody needs.
"""


@dataclass(frozen=True, slots=True)
class BySymbol:
    """An object whose keys are symbols."""

    values: Kind


@dataclass(frozen=True, slots=True)
class Wording:
    """An object whose keys are prose."""

    values: Kind


Shape: TypeAlias = "Kind | BySymbol | Wording | Mapping[str, Shape]"
"""Of a value, or of each value of a list."""
Fields: TypeAlias = Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool's arguments and its answer."""

    arguments: Fields
    answer: Fields


def _fields(shapes: dict[str, Shape] | None = None, /, **kinds: str) -> dict[str, Shape]:
    """Write a table as kind="field field": the way it reads best."""
    named: dict[str, Shape] = {}
    for kind, fields in kinds.items():
        named |= dict.fromkeys(fields.split(), kind)  # type: ignore[arg-type]  # keys are kinds
    return named | (shapes or {})


_WINDOW = _fields(symbol="symbols", date="first_session last_session", plain="returns")
_PORTFOLIO = "plain"
_REFUSALS = _fields(plain="method", ours="reason")
_QUESTION = _fields(
    symbol="symbols", plain="method lookback cap risk_aversion slices reads seed choose"
)
_LIMIT = _fields(plain="limit", ours="message", excess="excess")
_LIMITS: Fields = {
    "sectors": BySymbol("plain"),
    "rules": _fields(
        symbol="symbols",
        text="description",
        plain="id when action measure max min sectors sides agents",
    ),
    **_fields(
        symbol="restricted",
        plain="max_position_share max_positions max_sector_share max_gross_share max_net_share "
        "min_cash_share correlation tail max_order_share max_order_value max_order_quantity "
        "price_collar max_price_age_sessions max_volume_share max_orders_per_session "
        "max_orders_per_minute max_day_loss max_drawdown market_hours allow_short allow_leverage "
        "initial_margin_share halted sizing breakers",
    ),
}
"""Of a masked run: one whose limits count units is refused before it begins."""
_ORDER = _fields(symbol="symbol", plain="side", quantity="quantity")
_TERMS = _fields(
    plain="order_type time_in_force notional trail_share",
    price="limit_price stop_price trail_amount",
)
_PLACED: Fields = {
    **_ORDER,
    **_fields(
        {"denied": _LIMIT},
        quantity="filled_quantity",
        plain="client_order_id status exit_ids",
        ours="status_reason",
    ),
}
_NO_ORDER = _fields(symbol="symbol", ours="reason")
_SEARCH = Tool(
    _fields(text="query", symbol="symbol", plain="limit"),
    _fields(
        {
            "results": _fields(
                name="document_id",
                plain="kind score",
                text="title source excerpt",
                date="published_at",
                symbol="symbols",
            )
        },
        date="as_of",
        text="query",
    ),
)

TOOLS: Mapping[str, Tool] = MappingProxyType(
    {
        "prices_get_bars": Tool(
            _fields(symbol="symbols", plain="lookback fields adjusted", date="start end"),
            _fields(
                {
                    "columns": _fields(
                        symbol="symbol",
                        date="sessions",
                        price="open high low close",
                        quantity="volume",
                    )
                },
                date="as_of sessions",
                plain="interval currency close_only adjusted",
            ),
        ),
        "prices_get_quote": Tool(
            _fields(symbol="symbol"),
            _fields(
                date="as_of session",
                symbol="symbol",
                price="close previous_close",
                plain="change currency sessions_old",
            ),
        ),
        "prices_get_returns": Tool(
            _fields(symbol="symbols", plain="lookback"),
            _fields({"columns": _fields(symbol="symbol", plain="returns")}, date="as_of sessions"),
        ),
        "prices_list_symbols": Tool(
            {},
            _fields(date="as_of", symbol="symbols benchmarks", plain="currency close_only"),
        ),
        "prices_get_calendar": Tool(
            _fields(date="start end"),
            _fields(plain="exchange", date="sessions opens_at closes_at"),
        ),
        "prices_get_clock": Tool(
            {}, _fields(date="as_of session session_opens_at session_closes_at previous_session")
        ),
        "prices_get_corporate_actions": Tool(
            _fields(symbol="symbol", date="start end"),
            _fields(
                {
                    "actions": _fields(
                        symbol="symbol new_symbol",
                        date="ex_date pay_date known_time",
                        price="cash",
                        plain="kind new_units old_units inferred",
                    )
                },
                date="as_of",
                plain="currency",
            ),
        ),
        "prices_get_universe": Tool(
            _fields(plain="universe"),
            _fields(date="as_of", plain="universe", symbol="members"),
        ),
        "prices_list_macro_series": Tool(
            {},
            _fields(
                {"series": _fields(plain="series values", date="first_period last_period")},
                date="as_of",
            ),
        ),
        "prices_get_macro_series": Tool(
            _fields(plain="series vintage", date="start end"),
            _fields(date="as_of periods published", plain="series values"),
        ),
        "search_news": _SEARCH,
        "search_documents": _SEARCH,
        "memory_remember": Tool(
            _fields(text="text tags", symbol="symbols", date="event_time"),
            _fields(plain="memory_id note", date="known_time"),
        ),
        "memory_recall": Tool(
            _fields(text="query", plain="limit"),
            _fields(
                {
                    "memories": _fields(
                        {
                            "memory": _fields(
                                plain="memory_id agent",
                                text="text tags",
                                symbol="symbols",
                                date="event_time known_time",
                            )
                        },
                        plain="similarity",
                    )
                },
                date="as_of",
                text="query",
            ),
        ),
        "quantum_optimize_portfolio": Tool(
            _QUESTION,
            _fields({"window": _WINDOW, "refused": _REFUSALS}, plain="portfolio beside sampler"),
        ),
        "quantum_select_assets": Tool(
            _QUESTION,
            _fields(
                {
                    "window": _WINDOW,
                    "refused": _REFUSALS,
                    "answers": _fields(plain="method utility_annual gap_to_best", symbol="symbols"),
                },
                symbol="chosen",
                plain="weights found_by proven_optimal sampler",
            ),
        ),
        "quantum_compare_methods": Tool(
            _QUESTION,
            _fields(
                {"window": _WINDOW, "refused": _REFUSALS},
                plain="answers best_classical best_qubo sampler",
            ),
        ),
        "trading_get_mode": Tool(
            {},
            _fields(
                {"limits": _LIMITS},
                date="as_of session",
                plain="mode currency halted execution",
                ours="rules",
            ),
        ),
        "trading_get_account": Tool(
            {},
            _fields(
                {
                    "positions": _fields(
                        symbol="symbols", quantity="quantities", plain="market_values"
                    )
                },
                date="session marked_at",
                plain="currency cash market_value accrued equity working_orders",
            ),
        ),
        "trading_get_positions": Tool(
            {},
            _fields(
                date="marked_at",
                symbol="symbols",
                quantity="quantities",
                price="prices",
                plain="currency market_values weights costs unrealised_gains",
            ),
        ),
        "trading_get_lots": Tool(
            _fields(symbol="symbol"),
            _fields(
                symbol="symbol",
                date="marked_at opened",
                lot="lots",
                quantity="quantities",
                plain="method currency costs unrealised_gains",
            ),
        ),
        "trading_preview_order": Tool(
            {**_ORDER, **_TERMS},
            {
                **_ORDER,
                **_fields(
                    {"denied": _LIMIT},
                    price="last_close",
                    plain="accepted amount commission cash_after",
                ),
            },
        ),
        "trading_place_order": Tool(
            {
                **_ORDER,
                **_TERMS,
                **_fields(
                    text="reason",
                    price="take_profit stop_loss",
                    plain="oco_group client_key",
                    lot="lots",
                ),
            },
            _PLACED,
        ),
        "trading_rebalance_to_weights": Tool(
            _fields(
                {"weights": BySymbol("plain")},
                text="reason",
                plain="min_order drift to cost_aware tax_aware",
            ),
            _fields(
                {"denied": _LIMIT, "skipped": _NO_ORDER, "left_alone": _NO_ORDER},
                symbol="symbols",
                quantity="quantities",
                plain="order_ids sides statuses",
            ),
        ),
        "trading_cancel_order": Tool(_fields(plain="client_order_id"), _PLACED),
        "trading_explain_trade": Tool(
            _fields(plain="client_order_id"),
            {
                **_ORDER,
                **_TERMS,
                **_fields(
                    {
                        "moves": _fields(date="at", plain="statuses causes", ours="reasons"),
                        "fills": _fields(
                            date="sessions",
                            quantity="quantities",
                            price="reference_prices prices",
                            plain="conventions amounts commissions spread_costs slippage_costs "
                            "impact_costs realised_gains",
                        ),
                    },
                    date="session",
                    quantity="filled_quantity",
                    lot="lots",
                    text="reason",
                    ours="gate status_reason",
                    plain="client_order_id agent parent_id oco_group status",
                ),
            },
        ),
        "trading_list_orders": Tool(
            {},
            _fields(
                date="session placed_for",
                symbol="symbols",
                quantity="quantities filled_quantities",
                price="limit_prices stop_prices",
                plain="client_order_ids agents sides order_types times_in_force statuses",
                ours="status_reasons",
                text="reasons",
            ),
        ),
    }
)

WITHHELD: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(
        (
            "lending_get_application",
            "lending_list_transactions",
            "lending_get_borrower_documents",
            "lending_find_anomalies",
            "lending_review_terms",
            "lending_get_amortization_schedule",
            "lending_get_apr",
            "lending_get_coverage",
            "lending_simulate_coverage",
            "lending_compare_plain_loan",
            "lending_assess_affordability",
            "lending_assess_underwriting",
            "lending_assess_budget",
            "lending_estimate_tax",
        ),
        "a household's papers and a year's tax table cannot be moved to another time",
    )
)
"""Tools that a masked run does not offer, and why."""

TASK: Fields = MappingProxyType(
    _fields(
        {"facts": _fields(plain="first_session", date="last_asked")},
        date="session as_of",
        plain="events",
    )
)
"""What the trading agent is told each time it is asked."""

DECISION: Fields = MappingProxyType(
    _fields(
        {
            "target_weights": _fields(symbol="symbol", plain="weight"),
            "features": Wording("plain"),
        },
        plain="kind action confidence evidence order_ids",
        text="rationale",
    )
)
"""What the trading agent answers."""
