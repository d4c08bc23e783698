"""What the canary suite is laid out on: a small made-up past with two futures.

Whatever belongs to the poisoned future begins with digits or words that occur nowhere else, so
that a single leak is recognised in any text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from interfaces.calendar import TradingCalendar
from interfaces.market import MarketData

Future = Literal["poisoned", "harmless"]

TODAY_OPEN, TODAY_CLOSE = "71717", "72727"
"""How every poisoned open and close of the session under decision begins."""

LATER_PRICE, LATER_VOLUME = "91919", "93939"
"""How every poisoned price after that session begins, and every poisoned volume."""

RESTATED = "95959"
"""How every poisoned value begins that replaces, or adds to, what was known of an earlier day."""

FORMER, NEWCOMER = "81818", "84848"
"""How all prices begin of the company that bore `taken` first, and of the one that does now."""

LATER_WORD = "zzfuture"
"""Stands in every text that may not be shown."""

PAST_WORD = "zzpast"
"""Stands in every text that has to be found, or nothing would be proved by silence."""

TOLD_WORD = "zztold"
"""Stands in its place in the texts of the data set: a search must find both kinds."""


@dataclass(frozen=True, slots=True)
class Bait:
    """A market and documents that are the same before `session` whichever future is laid."""

    calendar: TradingCalendar
    market: MarketData
    folder: Path
    """Holds the user's documents; the data set's own are in `market`."""
    sessions: tuple[date, ...]
    """Every session of the data, some before and some after the one under decision."""
    session: date
    listed: str
    """Has a bar on every session."""
    recent: str
    """Has `recent_bars` bars before the session, and later ones in the poisoned future alone."""
    recent_bars: int
    unlisted: str
    """Has no bar before the session; a series and a universe of that name are unknown till then."""
    taken: str
    """Two companies have borne it; the second one does since well before the session."""
    former: str
    """What the first of them is called since."""
    contested: str
    """Another company takes it over, but after the session."""
    coming: tuple[str, ...]
    """Tickers that nobody bears before the session, and somebody later, `unlisted` the first."""
    unknown: str
    """Is not in the data at all."""
    universe: str
    """Its only member is `listed`; `recent` is known to enter after the session."""
    series: str
    """A macro series: its newest value is `released`, in the vintage known before the session."""
    last_close: Decimal
    """Of `listed`, on the session before the one under decision."""
    restated: Decimal
    """A close of `listed` that was restated before the session: shown instead of the first one."""
    released: Decimal
    announced: Decimal
    """A dividend of `listed`, announced before the session and due after it."""
    fill_price: Decimal
    """Of `listed`: what orders of the session fill at, before costs, in the poisoned future."""
    lay: Callable[[Future], None]
    """Exchange everything from the session on for that future."""

    def ahead(self, sessions: int) -> date:
        """Return the session that many after the one under decision; before it where negative."""
        return self.sessions[self.sessions.index(self.session) + sessions]
