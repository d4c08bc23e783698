"""The risk gate: every order intent passes here first, or is denied with the limit it breaks.

All values are taken at the last known closes; the price of the session is not known yet. Because
it will differ, a buy may exceed the cash by `CASH_ALLOWANCE`; settling cuts it to what the cash
buys, so there is never a debt. The gate knows limits, never venues: it is asked before each of
them. It keeps nothing: what it knows is in the `Book`.
"""

from trading.gate.book import Book, Moment, Rules, open_book
from trading.gate.examine import check, examine
from trading.gate.history import (
    EquityFold,
    EquityHistory,
    RiskHistory,
    SessionRisk,
    equity_history,
)
from trading.gate.limits import CASH_ALLOWANCE
from trading.gate.refusals import MAX_QUANTITY
from trading.gate.rules import breaches
from trading.gate.verdicts import Denial, Verdict

__all__ = [
    "CASH_ALLOWANCE",
    "MAX_QUANTITY",
    "Book",
    "Denial",
    "EquityFold",
    "EquityHistory",
    "Moment",
    "RiskHistory",
    "Rules",
    "SessionRisk",
    "Verdict",
    "breaches",
    "check",
    "equity_history",
    "examine",
    "open_book",
]
