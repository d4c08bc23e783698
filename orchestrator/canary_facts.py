"""What the canary suite asks about what was restated, announced, released or renamed later."""

from __future__ import annotations

from collections.abc import Iterator

from interfaces.canaries import FORMER, NEWCOMER, Bait
from orchestrator.probe import FIELDS, HUGE, Probe
from schemas.base import plain

_BARS, _RETURNS = "prices_get_bars", "prices_get_returns"
_MACRO, _ACTIONS = "prices_get_macro_series", "prices_get_corporate_actions"


def of_facts(bait: Bait) -> Iterator[Probe]:
    """Yield the calls."""
    yield from _restated(bait)
    yield from _later(bait)
    yield from _reused(bait)


def _restated(bait: Bait) -> Iterator[Probe]:
    """Ask for days that are past, and were published once more since, or will be."""
    canary, wide = "restated-values", {"fields": FIELDS, "lookback": HUGE}
    symbols, shown = [bait.listed], plain(bait.restated)
    for adjusted in (True, False):
        asked = {"symbols": symbols, "adjusted": adjusted}
        yield Probe(canary, _BARS, {**asked, **wide}, shows=shown)
        yield Probe(canary, _BARS, {**asked, "start": str(bait.ahead(-7))}, shows=shown)
        yield Probe(canary, _BARS, {**wide, **asked, "symbols": [bait.contested]}, shows="close")
    yield Probe(canary, "prices_get_quote", {"symbol": bait.listed}, shows=plain(bait.last_close))
    yield Probe(canary, _RETURNS, {"symbols": symbols, "lookback": 10}, shows=bait.listed)
    both = {"symbols": [bait.listed, bait.contested], "lookback": HUGE}
    yield Probe(canary, _RETURNS, both, shows=bait.contested)
    yield Probe(canary, _MACRO, {"series": bait.series}, shows=plain(bait.released))
    yield Probe(canary, _MACRO, {"series": bait.series, "vintage": "first"}, shows=bait.series)


def _later(bait: Bait) -> Iterator[Probe]:
    """Ask for actions, members and releases: some are announced, others become known later."""
    canary, cash = "later-facts", plain(bait.announced)
    ahead, before = str(bait.ahead(3)), str(bait.sessions[0])
    yield Probe(canary, _ACTIONS, shows=cash, plans=True)
    for symbol in (bait.listed, bait.recent):
        shows = cash if symbol == bait.listed else ""
        yield Probe(canary, _ACTIONS, {"symbol": symbol}, shows=shows, plans=True)
    listed = {"symbol": bait.listed, "end": ahead}
    yield Probe(canary, _ACTIONS, {**listed, "start": before}, shows=cash, plans=True)
    yield Probe(canary, _ACTIONS, {**listed, "start": str(bait.session)}, shows=cash, plans=True)
    wide = {"symbols": [bait.recent], "lookback": HUGE, "fields": FIELDS}
    yield Probe(canary, _BARS, wide, shows=bait.recent)
    universe = {"universe": bait.universe}
    yield Probe(canary, "prices_get_universe", universe, shows=bait.listed, hides=bait.recent)
    yield Probe(canary, "prices_list_macro_series", shows=bait.series)
    span = {"series": bait.series, "start": before, "end": ahead}
    yield Probe(canary, _MACRO, span, shows=plain(bait.released))


def _reused(bait: Bait) -> Iterator[Probe]:
    """Ask for a ticker that means another company by now, and for one that will."""
    for symbol, own, other in (
        (bait.taken, NEWCOMER, FORMER),
        (bait.former, FORMER, NEWCOMER),
    ):
        yield from _own_prices(bait, symbol, own=own, other=other)
    bars = {"symbols": [bait.taken], "end": str(bait.sessions[20])}
    yield Probe("ticker-reuse", _BARS, bars, shows=bait.taken, hides=f"{FORMER}.")
    bars = {"symbols": [bait.contested], "lookback": HUGE, "fields": FIELDS}
    yield Probe("ticker-reuse", _BARS, bars, shows=bait.contested)
    quote = {"symbol": bait.contested}
    yield Probe("ticker-reuse", "prices_get_quote", quote, shows=bait.contested)


def _own_prices(bait: Bait, symbol: str, *, own: str, other: str) -> Iterator[Probe]:
    """Ask for the prices of one of the two companies in all ways."""
    one = {"symbols": [symbol]}
    first = {"start": str(bait.sessions[0]), "end": str(bait.ahead(-1))}
    order = {"symbol": symbol, "side": "buy", "quantity": "1"}
    calls = [
        *((_BARS, {**one, "adjusted": way, **first}) for way in (True, False)),
        (_BARS, {**one, "lookback": HUGE, "fields": FIELDS}),
        ("prices_get_quote", {"symbol": symbol}),
        ("trading_preview_order", order),
    ]
    for tool, arguments in calls:
        yield Probe("ticker-reuse", tool, arguments, shows=f"{own}.", hides=f"{other}.")
    yield Probe("ticker-reuse", _RETURNS, {**one, "lookback": HUGE}, shows=symbol)
