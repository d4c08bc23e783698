"""Which instrument bears a ticker at a moment, through changes, late news and reuse.

A claim says that an instrument bears a ticker from a day on. Of the claims known at a moment an
instrument's newest one counts; without any its ticker is its id. When two instruments claim one
ticker, it means the one that came to it on the later day; the other goes on with `.1` behind it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from adapters.market.facts import NEVER
from adapters.market.moments import EVER

_LONGEST = 16  # of a ticker, `.1` included
_FIRST_DAY = -NEVER


@dataclass(frozen=True, slots=True)
class Claim:
    """A ticker from a day on, known from one moment until (and including) another.

    `day` in days since 1970, `opens` the first moment at which it can count; `action` the row of
    the ticker change that says so, None when a listing does.
    """

    instrument: str
    symbol: str
    day: int
    opens: int
    known: int
    until: int = NEVER
    action: int | None = None

    def holds(self, moment: int) -> bool:
        """Tell whether the claim is known and in force."""
        return self.known < moment <= self.until and self.opens <= moment


@dataclass(frozen=True, slots=True)
class Rename:
    """An instrument that bore one ticker until a moment, and from then on another."""

    moment: int
    instrument: str
    old: str
    new: str
    day: int
    action: int | None


@dataclass(frozen=True, slots=True)
class _Wish:
    """What an instrument is to be called from a moment on."""

    moment: int
    day: int
    instrument: str
    symbol: str
    action: int | None = None


@dataclass(slots=True)
class _Spans:
    """Who bears one ticker, or what one instrument is called, from which moments on."""

    moments: list[int] = field(default_factory=list[int])
    values: list[str | None] = field(default_factory=list[str | None])

    def add(self, moment: int, value: str | None) -> None:
        self.moments.append(moment)
        self.values.append(value)

    def at(self, moment: int) -> str | None:
        index = bisect_right(self.moments, moment)
        return self.values[index - 1] if index else None


class Names:
    """The tickers of all instruments over time.

    `ids` are the instruments with prices; `born` gives the moment and the day of an instrument's
    first bar. It is asked only of those whose ids others claim, or that never bear their ids.
    """

    def __init__(
        self,
        claims: Iterable[Claim],
        ids: Collection[str],
        born: Callable[[str], tuple[int, date] | None],
    ) -> None:
        self._ids = ids
        self._born = born
        self._bearers: dict[str, _Spans] = {}
        self._tickers: dict[str, _Spans] = {}
        self._since: dict[str, int] = {}
        self._now: dict[str, str] = {}
        self._owner: dict[str, str] = {}
        self.renames: list[Rename] = []
        self.moments: list[int] = []
        self._tell(_wishes(list(claims), ids, self._first))

    def bearer(self, symbol: str, as_of: int) -> str | None:
        """Return the instrument that bears the ticker at a moment; None when none does."""
        spans = self._bearers.get(symbol)
        if spans is not None:
            return spans.at(as_of)
        return symbol if symbol in self._ids and symbol not in self._tickers else None

    def ticker(self, instrument: str, as_of: int) -> str:
        """Return the ticker of an instrument at a moment; its id while none is known."""
        spans = self._tickers.get(instrument)
        return (spans.at(as_of) if spans is not None else None) or instrument

    def ticker_before(self, instrument: str, moment: int) -> str:
        """Return the ticker that an instrument had just before a moment."""
        return self.ticker(instrument, moment - 1)

    def meant(self, symbol: str, at: int, as_of: int) -> str | None:
        """Return who was meant by a ticker at a moment, for all that is known by now.

        Its bearer, or the next one by now, or the last one before.
        """
        spans = self._bearers.get(symbol)
        if spans is None:
            return self.bearer(symbol, as_of)
        known = bisect_right(spans.moments, as_of)
        here = bisect_right(spans.moments, at)
        around = [*spans.values[max(0, here - 1) : known], *reversed(spans.values[:here])]
        return next((one for one in around if one is not None), None)

    def ever(self, symbol: str) -> bool:
        """Tell whether any instrument ever bears the ticker."""
        return symbol in self._bearers or (symbol in self._ids and symbol not in self._tickers)

    def all_of(self, instruments: Iterable[str], start: int = EVER, end: int = NEVER) -> set[str]:
        """Return every ticker that these instruments bear between two moments, included."""
        found: set[str] = set()
        for instrument in instruments:
            spans = self._tickers.get(instrument)
            if spans is None:
                found.add(instrument)
            else:
                found |= {name for name in _within(spans, start, end) if name is not None}
        return found

    def bearers(self, symbols: Iterable[str], start: int = EVER, end: int = NEVER) -> set[str]:
        """Return every instrument that bears one of the tickers between two moments, included."""
        found: set[str] = set()
        for symbol in symbols:
            spans = self._bearers.get(symbol)
            if spans is not None:
                found |= {name for name in _within(spans, start, end) if name is not None}
            elif symbol in self._ids and symbol not in self._tickers:
                found.add(symbol)
        return found

    def epoch(self, as_of: int) -> int:
        """Return how many times tickers have changed by now."""
        return bisect_right(self.moments, as_of)

    def changed(self, since: int, as_of: int) -> Sequence[Rename]:
        """Return the changes after `since` and by now, in order."""
        first = bisect_right(self.renames, since, key=lambda one: one.moment)
        last = bisect_right(self.renames, as_of, key=lambda one: one.moment)
        return self.renames[first:last]

    def of(self, instrument: str, as_of: int) -> Sequence[Rename]:
        """Return the changes of one instrument by now, oldest first."""
        return [one for one in self.changed(EVER, as_of) if one.instrument == instrument]

    def _first(self, instrument: str) -> tuple[int, int] | None:
        found = self._born(instrument) if instrument in self._ids else None
        return None if found is None else (found[0] + 1, found[1].toordinal() - _ORDINAL)

    def _tell(self, wishes: list[_Wish]) -> None:
        wishes.sort(key=lambda wish: (wish.moment, wish.day, wish.instrument))
        at = 0
        while at < len(wishes):
            last = at
            while last < len(wishes) and wishes[last].moment == wishes[at].moment:
                last += 1
            self._settle(wishes[at:last])
            self.moments.append(wishes[at].moment)
            at = last

    def _settle(self, wishes: list[_Wish]) -> None:
        """Grant the wishes of one moment; who frees a ticker goes before who takes it."""
        waiting = {wish.instrument: wish for wish in wishes}

        def is_free(wish: _Wish) -> bool:
            owner = self._owner.get(wish.symbol)
            return owner == wish.instrument or owner not in waiting

        while waiting:
            free = next(filter(is_free, waiting.values()), next(iter(waiting.values())))
            self._grant(waiting.pop(free.instrument))

    def _grant(self, wish: _Wish) -> None:
        owner = self._owner.get(wish.symbol)
        if owner not in (None, wish.instrument):
            if self._since[owner] > wish.day:
                self._since[wish.instrument] = wish.day
                self._move(replace(wish, symbol=self._spare(wish, wish.instrument), action=None))
                return
            spare = self._spare(wish, owner)
            self._move(replace(wish, instrument=owner, symbol=spare, action=None))
        self._since[wish.instrument] = wish.day
        self._move(wish)

    def _spare(self, wish: _Wish, instrument: str) -> str:
        number = 0
        while True:
            number += 1
            tail = f".{number}"
            name = wish.symbol[: _LONGEST - len(tail)] + tail
            if self._owner.get(name, instrument) != instrument:
                continue
            first = self._first(name) if name not in self._tickers else None
            if first is None or first[0] > wish.moment:
                return name

    def _move(self, wish: _Wish) -> None:
        instrument, new = wish.instrument, wish.symbol
        old = self._now.get(instrument)
        if old == new:
            return
        if old is not None:
            del self._owner[old]
            self._bearers[old].add(wish.moment, None)
            self.renames.append(Rename(wish.moment, instrument, old, new, wish.day, wish.action))
        self._now[instrument] = new
        self._owner[new] = instrument
        self._bearers.setdefault(new, _Spans()).add(wish.moment, instrument)
        self._tickers.setdefault(instrument, _Spans()).add(wish.moment, new)


_ORDINAL = date(1970, 1, 1).toordinal()


def _wishes(
    claims: list[Claim],
    ids: Collection[str],
    first: Callable[[str], tuple[int, int] | None],
) -> list[_Wish]:
    by_instrument: dict[str, list[Claim]] = {}
    for claim in claims:
        by_instrument.setdefault(claim.instrument, []).append(claim)
    claimed = {(claim.symbol, claim.instrument) for claim in claims}
    contested = {symbol for symbol, instrument in claimed if symbol != instrument and symbol in ids}
    symbols = {symbol for symbol, _ in claimed}
    # A company may be listed under the very name that one has beside its lost ticker.
    contested |= {one for one in ids if one.rpartition(".")[0] in symbols}
    found = [wish for one, theirs in by_instrument.items() for wish in _chosen(one, theirs)]
    begins = {}
    for wish in sorted(found, key=lambda one: one.moment, reverse=True):
        begins[wish.instrument] = wish
    for instrument in sorted(contested | begins.keys()):
        begin = begins.get(instrument)
        if begin is not None and begin.symbol == instrument and instrument not in contested:
            # It was called so from the beginning, whenever that was told.
            found.append(_Wish(EVER, _FIRST_DAY, instrument, instrument))
            continue
        birth = first(instrument)
        if birth is not None and (begin is None or birth[0] < begin.moment):
            found.append(_Wish(birth[0], birth[1], instrument, instrument))
    return found


def _chosen(instrument: str, claims: list[Claim]) -> list[_Wish]:
    """Return what an instrument is to be called, from each moment at which that changes."""
    moments = {max(claim.opens, claim.known + 1) for claim in claims}
    moments |= {claim.until + 1 for claim in claims if claim.until < NEVER}
    wishes: list[_Wish] = []
    for moment in sorted(moments):
        held = [claim for claim in claims if claim.holds(moment)]
        best = max(held, key=lambda one: (one.day, one.action is not None, one.known), default=None)
        if best is None and not wishes:
            continue  # nothing is in force yet
        symbol = best.symbol if best else instrument
        day = best.day if best else wishes[-1].day
        if not wishes or (wishes[-1].symbol, wishes[-1].day) != (symbol, day):
            wishes.append(_Wish(moment, day, instrument, symbol, best.action if best else None))
    return wishes


def _within(spans: _Spans, start: int, end: int) -> list[str | None]:
    first = max(0, bisect_right(spans.moments, start) - 1)
    last = bisect_left(spans.moments, end + 1)
    return spans.values[first:last]
