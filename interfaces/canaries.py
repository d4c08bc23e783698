"""What the canary suite is laid out on: a small made-up past with two futures.

Whatever belongs to the poisoned future begins with digits or words that occur nowhere else, so
that a single leak is recognised in any text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from interfaces.calendar import TradingCalendar
from interfaces.documents import DocumentSource
from interfaces.market import MarketData

Future = Literal["poisoned", "harmless"]

TODAY_OPEN, TODAY_CLOSE = "71717", "72727"
"""How every poisoned open and close of the session under decision begins."""

LATER_PRICE, LATER_VOLUME = "91919", "93939"
"""How every poisoned price after that session begins, and every poisoned volume."""

LATER_WORD = "zzfuture"
"""Stands in every text that may not be shown."""

PAST_WORD = "zzpast"
"""Stands in every text that has to be found, or nothing would be proved by silence."""


@dataclass(frozen=True, slots=True)
class Bait:
    """A market and documents that are the same before `session` whichever future is laid."""

    calendar: TradingCalendar
    market: MarketData
    documents: DocumentSource
    sessions: tuple[date, ...]
    """Every session of the data, some before and some after the one under decision."""
    session: date
    listed: str
    """Has a bar on every session."""
    recent: str
    """Has `recent_bars` bars before the session, and later ones in the poisoned future alone."""
    recent_bars: int
    unlisted: str
    """Has no bar before the session."""
    unknown: str
    """Is not in the data at all."""
    last_close: Decimal
    """Of `listed`, on the session before the one under decision."""
    fill_price: Decimal
    """Of `listed`: what orders of the session fill at, before costs, in the poisoned future."""
    lay: Callable[[Future], None]
    """Exchange everything from the session on for that future."""
