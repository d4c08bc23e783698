"""Rebalancing: from target weights to orders, and which names are better left alone.

`rebalance` plans the orders; a `Policy` says name by name whether to trade and how far; `TaxLots`
says which lots a sale closes. All of them are values: nothing here keeps anything.
"""

from trading.rebalance.plan import (
    MIN_ORDER,
    MIN_ORDER_SHARE,
    PRICE_ALLOWANCE,
    Plan,
    Skipped,
    rebalance,
)
from trading.rebalance.policies import (
    TO_TARGET,
    AllOf,
    Calendar,
    Drift,
    Leave,
    NoTradeRegion,
    Policy,
    Threshold,
    ToTarget,
    due_sessions,
    no_trade_half_width,
)
from trading.rebalance.tax_lots import (
    DEFAULT_RATES,
    LotChoice,
    LotSale,
    Sale,
    TaxLots,
    TaxRates,
    choose_lots,
)

__all__ = [
    "DEFAULT_RATES",
    "MIN_ORDER",
    "MIN_ORDER_SHARE",
    "PRICE_ALLOWANCE",
    "TO_TARGET",
    "AllOf",
    "Calendar",
    "Drift",
    "Leave",
    "LotChoice",
    "LotSale",
    "NoTradeRegion",
    "Plan",
    "Policy",
    "Sale",
    "Skipped",
    "TaxLots",
    "TaxRates",
    "Threshold",
    "ToTarget",
    "choose_lots",
    "due_sessions",
    "no_trade_half_width",
    "rebalance",
]
