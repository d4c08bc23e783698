"""Who bore which ticker when, as listings with the moments they became known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.market.days import eve_of
from adapters.market.instruments import EPOCH, Bearing, Instruments, StatedListing
from interfaces.calendar import TradingCalendar
from schemas.facts import Listing


def changes(instruments: Instruments) -> list[tuple[Bearing, Bearing]]:
    """Return an instrument's bars under one ticker with those under the next, for each change."""
    last: dict[str, Bearing] = {}
    found: list[tuple[Bearing, Bearing]] = []
    for each in instruments.bearings:
        earlier = last.get(each.instrument)
        if earlier is not None and earlier.symbol != each.symbol:
            found.append((earlier, each))
        last[each.instrument] = each
    return found


def listings_of(
    instruments: Instruments,
    stated: Sequence[StatedListing],
    calendar: TradingCalendar,
    now: datetime,
) -> list[Listing]:
    """Return who bore which ticker, where that is not plain: changed, taken over, or named.

    The end of a listing is a record of its own, known once the ticker is another company's or the
    company has another ticker.
    """
    names = {(each.symbol, each.first): each for each in stated}
    of_symbol: dict[str, list[Bearing]] = defaultdict(list)
    of_instrument: dict[str, list[Bearing]] = defaultdict(list)
    for each in _joined(instruments.bearings):
        of_symbol[each.symbol].append(each)
        of_instrument[each.instrument].append(each)
    found: list[Listing] = []
    for symbol, bearings in of_symbol.items():
        for each in bearings:
            own = of_instrument[each.instrument]
            name = _named(symbol, each, names.values())
            if len(bearings) == len(own) == 1 and each.instrument == symbol and name is None:
                continue
            first = EPOCH + timedelta(days=each.begins or each.first)
            listing = Listing(
                instrument=each.instrument,
                symbol=symbol,
                name=name,
                first_session=first,
                known_time=eve_of(first, calendar),
                stored_time=now,
                provider="files",
            )
            found.append(listing)
            nexts = [one.begins or one.first for one in (*bearings, *own) if one.first > each.last]
            if nexts:
                end = eve_of(EPOCH + timedelta(days=min(nexts)), calendar)
                last = EPOCH + timedelta(days=each.last)
                found.append(listing.model_copy(update={"last_session": last, "known_time": end}))
    return found


def _joined(bearings: Iterable[Bearing]) -> list[Bearing]:
    """Return bearings with those joined that only a gap in the rows divides."""
    last: dict[str, Bearing] = {}
    found: list[Bearing] = []
    for each in bearings:
        earlier = last.get(each.instrument)
        if earlier is not None and earlier.symbol == each.symbol:
            earlier.last = each.last
        else:
            last[each.instrument] = replace(each)
            found.append(last[each.instrument])
    return found


def _named(symbol: str, bearing: Bearing, stated: Iterable[StatedListing]) -> str | None:
    for each in stated:
        ends = each.last is None or bearing.first <= each.last
        if each.symbol == symbol and each.first <= bearing.last and ends:
            return each.name
    return None
