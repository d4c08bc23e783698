"""The bundled data set as a provider: for tests and for trying a download without any key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

from adapters.providers.offers import not_offered
from interfaces.clock import WallClock
from interfaces.market import AS_TRADED, MarketData
from interfaces.providers import Quota, RawBars
from schemas.downloads import FactKind
from schemas.errors import InvalidRequest
from schemas.facts import CorporateAction, MacroValue, StoredDocument


class Bundled:
    """Implement `DataProvider` over a loaded data set; its prices are adjusted closes.

    `load` is called when the first question comes. Not in the configured order of fallback,
    because adjusted prices do not belong beside raw ones: it is asked when it is named.
    """

    name = "bundled"
    offers: frozenset[FactKind] = frozenset({"bars"})

    def __init__(self, load: Callable[[], MarketData], clock: WallClock) -> None:
        self._load = load
        self._clock = clock

    def bars(self, symbol: str, start: date, end: date) -> Iterator[RawBars]:
        """Yield the closes of `start..end` in one piece; `NotFound`."""
        market = self._load()
        info = market.info()
        now = self._clock.now()
        end = min(end, now.date() - timedelta(days=1))
        if end < start:
            return
        bars = market.view(now).bars(symbol, start=start, end=end, how=AS_TRADED)
        if info.adjustment == "raw" or not bars.close_only:
            raise InvalidRequest(f"{info.name} is not what arrives with the package")
        if len(bars.sessions):
            columns = {
                "date": [str(day) for day in bars.sessions],
                "close": [repr(float(price)) for price in bars.close],
            }
            yield RawBars(self.name, symbol, columns, adjustment=info.adjustment)

    def actions(self, symbol: str, start: date, end: date) -> Iterator[CorporateAction]:  # noqa: ARG002 - the port's signature
        """Refuse: its prices are adjusted already."""
        raise not_offered(self.name, "actions")

    def macro(self, series: str, start: date, end: date) -> Iterator[MacroValue]:  # noqa: ARG002 - the port's signature
        """Refuse: there is none."""
        raise not_offered(self.name, "macro")

    def news(self, symbol: str, start: date, end: date) -> Iterator[StoredDocument]:  # noqa: ARG002 - the port's signature
        """Refuse: there is none."""
        raise not_offered(self.name, "news")

    def quota(self) -> Quota:
        """Tell that there is no limit."""
        return Quota(None, None, None)
