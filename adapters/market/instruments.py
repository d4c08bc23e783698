"""Which rows are of one company: by what the source says, else by how a ticker's bars follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from interfaces.calendar import TradingCalendar

_LONG_GAP, _SHORT_GAP = 60, 20  # sessions without a bar
_SOON = 30  # days after a change of ticker within which the new one's bars begin
_JUMP = 0.4  # beyond ±40 % over a gap nobody would call it the same series
EPOCH = date(1970, 1, 1)

Days = NDArray[np.int32]
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class StatedListing:
    """A ticker somebody says an instrument had; days count from 1970, both included."""

    symbol: str
    instrument: str
    first: int
    last: int | None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Stated:
    """What is stated about instruments beside the rows themselves.

    `changes` has (old ticker, new ticker, day the new one holds from); of the tickers in `same`
    every bar is of one company, however long the gaps. `ends` has (ticker, day of a delisting or
    cash merger): from then on nothing is of the company that bore it.
    """

    listings: tuple[StatedListing, ...] = ()
    changes: tuple[tuple[str, str, int], ...] = ()
    same: frozenset[str] = frozenset()
    ends: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Keys:
    """What identifies each row, sorted by symbol and day.

    `position` is the session's number in the calendar; `move` gives open over the close of the row
    before, less 1, for these rows.
    """

    symbol: Codes
    day: Days
    position: NDArray[np.int32]
    identity: Codes | None
    move: Callable[[NDArray[np.intp]], NDArray[np.float64]]


@dataclass(slots=True)
class Bearing:
    """The bars of one instrument under one ticker: the rows `low..high`, `high` excluded."""

    symbol: str
    low: int
    high: int
    first: int
    last: int
    group: int
    instrument: str = ""
    begins: int | None = field(default=None)
    """The day from which the ticker is said to hold, where that is stated."""


class Instruments:
    """Who bore which ticker when."""

    def __init__(self, bearings: Sequence[Bearing]) -> None:
        self.bearings = sorted(bearings, key=lambda each: (each.first, each.symbol))
        _name(self.bearings)
        self.ids = tuple(sorted({each.instrument for each in bearings}))
        self._of: dict[str, list[Bearing]] = {}
        for each in self.bearings:
            self._of.setdefault(each.symbol, []).append(each)

    def at(self, symbol: str, day: int | None = None) -> str | None:
        """Return the instrument that bears the ticker on a day, or bore it last, or will first.

        Without a day the newest bearer. None for a ticker without a bar.
        """
        known = self._of.get(symbol)
        if known is None:
            return symbol if symbol in self.ids else None
        begun = [each for each in known if day is None or (each.begins or each.first) <= day]
        return (begun[-1] if begun else known[0]).instrument

    def begun(self, symbol: str, day: int) -> bool:
        """Tell whether anybody bore the ticker by that day."""
        return any((each.begins or each.first) <= day for each in self._of.get(symbol, []))

    def symbol_of(self, instrument: str, day: int) -> str:
        """Return the ticker of an instrument on a day."""
        own = [each for each in self.bearings if each.instrument == instrument]
        return ([each for each in own if each.first <= day] or own[:1])[-1].symbol

    def bearers(self, symbols: frozenset[str]) -> set[str]:
        """Return the instruments that ever bear one of these tickers."""
        return {each.instrument for symbol in symbols for each in self._of.get(symbol, [])}


def tell_apart(
    keys: Keys, names: Sequence[str], identities: Sequence[str], stated: Stated
) -> tuple[Instruments, Codes, tuple[str, ...]]:
    """Return the instruments, for each row the index of its own, and what was assumed.

    An identifier beside the row decides; else a stated listing; else a stated end, a gap of more
    than 60 sessions, or one of more than 20 with a move beyond ±40 % over it, begins another
    company. Gaps are counted in the usual distance of the rows: in weeks for weekly bars.
    """
    identity = _stated_identity(keys, names, list(identities), stated.listings)
    ends = _ends(keys, names, identity, stated)
    bearings, notes = _bearings(keys, names, identity, (stated.same, ends))
    for old, new, day in sorted(stated.changes, key=lambda change: -change[2]):
        _follow(bearings, keys, (old, new, day))
    instruments = Instruments(bearings)
    index_of = {name: index for index, name in enumerate(instruments.ids)}
    codes = np.empty(len(keys.symbol), dtype=np.int32)
    for each in bearings:
        codes[each.low : each.high] = index_of[each.instrument]
    said = tuple(
        f"{symbol}: {gap} sessions without a bar before {_day(at)}, so the bars from then on are "
        f"taken for another company's ({instruments.at(symbol, at)}); name the symbol as `same` "
        "if they are not"
        for symbol, gap, at in notes
    )
    return instruments, codes, (*said, *_after_the_end(keys, names, ends, instruments))


def _ends(keys: Keys, names: Sequence[str], identity: Codes, stated: Stated) -> list[int]:
    """Return the rows with which another company begins, for the one before had ended."""
    code_of = {name: code for code, name in enumerate(names)}
    found: set[int] = set()
    for symbol, day in stated.ends:
        code = code_of.get(symbol, -1)
        low, high = keys.symbol.searchsorted(code), keys.symbol.searchsorted(code, side="right")
        at = int(low + keys.day[low:high].searchsorted(day))
        if low < at < high and symbol not in stated.same and identity[at - 1 : at + 1].max() < 0:
            found.add(at)
    return sorted(found)


def _after_the_end(
    keys: Keys, names: Sequence[str], ends: Sequence[int], instruments: Instruments
) -> list[str]:
    said: list[str] = []
    for at in ends:
        symbol, day = names[int(keys.symbol[at])], int(keys.day[at])
        gap = int(keys.position[at] - keys.position[at - 1]) - 1
        missed = f"after {gap} sessions without one" if gap else "without a session between"
        said.append(
            f"{symbol}: there is a bar of {_day(day)} on or after its delisting or merger, "
            f"{missed}, so the bars from then on are taken for another company's "
            f"({instruments.at(symbol, day)}); give the ex-date as the first session without it, "
            "or name the symbol as `same`, if they are not"
        )
    return said


def _stated_identity(
    keys: Keys,
    names: Sequence[str],
    identities: list[str],
    listings: Sequence[StatedListing],
) -> Codes:
    """Return who each row is of, so far as it is said: an index, or -1."""
    if keys.identity is None and not listings:
        return np.full(len(keys.symbol), -1, dtype=np.int32)
    identity = np.full_like(keys.symbol, -1) if keys.identity is None else keys.identity.copy()
    index_of = {name: index for index, name in enumerate(identities)}
    code_of = {name: code for code, name in enumerate(names)}
    for low, high in _runs(keys.symbol) if (identity < 0).any() else ():
        said = np.unique(identity[low:high][identity[low:high] >= 0])
        if len(said) == 1:  # where it is left out now and then
            identity[low:high] = said[0]
    for each in listings:
        code = code_of.get(each.symbol, -1)
        low, high = keys.symbol.searchsorted(code), keys.symbol.searchsorted(code, side="right")
        first = low + int(keys.day[low:high].searchsorted(each.first))
        last = high
        if each.last is not None:
            last = low + int(keys.day[low:high].searchsorted(each.last, side="right"))
        free = identity[first:last] < 0
        identity[first:last][free] = index_of.setdefault(each.instrument, len(index_of))
    return identity


def _bearings(
    keys: Keys,
    names: Sequence[str],
    identity: Codes,
    stated: tuple[frozenset[str], Sequence[int]],
) -> tuple[list[Bearing], list[tuple[str, int, int]]]:
    rows, (same, ends) = len(keys.symbol), stated
    starts = np.ones(rows, dtype=np.bool_)
    within = keys.symbol[1:] == keys.symbol[:-1]
    starts[1:] = ~within | (identity[1:] != identity[:-1])
    starts[ends] = True
    gap = np.diff(keys.position)
    spacing = _spacing(gap[within & (gap > 0)])
    unnamed = within & (identity[1:] < 0) & (identity[:-1] < 0)
    wide = 1 + np.flatnonzero(unnamed & (gap - 1 > _SHORT_GAP * spacing))
    notes: list[tuple[str, int, int]] = []
    if len(wide):
        jumps = np.abs(keys.move(wide)) > _JUMP
        for at, jump in zip(wide.tolist(), jumps.tolist(), strict=True):
            symbol, missed = names[int(keys.symbol[at])], int(gap[at - 1]) - 1
            if starts[at] or symbol in same:
                continue
            if jump or missed > _LONG_GAP * spacing:
                starts[at] = True
                notes.append((symbol, missed, int(keys.day[at])))
    lows = np.flatnonzero(starts).tolist()
    groups: dict[int, int] = {}
    found: list[Bearing] = []
    for number, (low, high) in enumerate(zip(lows, [*lows[1:], rows], strict=True)):
        who = int(identity[low])
        group = number if who < 0 else groups.setdefault(who, number)
        days = (int(keys.day[low]), int(keys.day[high - 1]))
        found.append(Bearing(names[int(keys.symbol[low])], low, high, *days, group))
    return found, notes


def another_company(gaps: NDArray[np.integer], moves: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell after which gaps between one ticker's bars another company begins, shape (T - 1,).

    `gaps` are the distances in sessions, `moves` the opens over the closes before, less 1.
    """
    missed, spacing = gaps - 1, _spacing(gaps)
    jump = (missed > _SHORT_GAP * spacing) & (np.abs(moves) > _JUMP)
    return jump | (missed > _LONG_GAP * spacing)


def _spacing(gaps: NDArray[np.integer]) -> float:
    """Return the usual distance of rows in sessions: 1, or about 5 for weekly bars."""
    return max(1.0, float(np.median(gaps))) if len(gaps) else 1.0


def _follow(bearings: list[Bearing], keys: Keys, change: tuple[str, str, int]) -> None:
    """Let an instrument keep its identity through a stated change of its ticker.

    Where the source wrote the new ticker over the whole history, the old one is given back.
    """
    old, new, day = change
    earlier = [each for each in bearings if each.symbol == old and each.first < day]
    later = [
        each for each in bearings if each.symbol == new and day <= each.last and each.first < day
    ] or [each for each in bearings if each.symbol == new and 0 <= each.first - day <= _SOON]
    if not later:
        return
    newcomer = min(later, key=lambda each: each.first)
    if not earlier:
        newcomer = _cut(bearings, keys, newcomer, day)
        for each in bearings:
            if each.symbol == new and each.group == newcomer.group and each is not newcomer:
                each.symbol = old if each.first < day else new
    elif earlier[-1].group != newcomer.group:
        fresh = 1 + max(each.group for each in bearings)
        newcomer = _cut(bearings, keys, newcomer, day, group=fresh)
        _cut(bearings, keys, earlier[-1], day, group=fresh + 1)
        joined = newcomer.group
        for each in bearings:
            if each.group == joined:
                each.group = earlier[-1].group
    newcomer.begins = day


def _cut(
    bearings: list[Bearing], keys: Keys, whole: Bearing, day: int, *, group: int | None = None
) -> Bearing:
    """Divide a bearing at a day, where that lies within, and return what is from that day on."""
    if not whole.first < day <= whole.last:
        return whole
    at = whole.low + int(keys.day[whole.low : whole.high].searchsorted(day))
    group = whole.group if group is None else group
    rest = Bearing(whole.symbol, at, whole.high, int(keys.day[at]), whole.last, group)
    whole.high, whole.last = at, int(keys.day[at - 1])
    bearings.append(rest)
    return rest


def _name(bearings: Sequence[Bearing]) -> None:
    """Give each group its first ticker as id, with `.2`, `.3` where that is taken."""
    ids: dict[int, str] = {}
    taken: set[str] = set()
    for each in bearings:
        if each.group not in ids:
            name, number = each.symbol, 1
            while name in taken:
                number += 1
                name = f"{each.symbol}.{number}"
            ids[each.group] = name
            taken.add(name)
        each.instrument = ids[each.group]


def _runs(codes: Codes) -> Iterator[tuple[int, int]]:
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]]).tolist()
    return zip(starts, [*starts[1:], len(codes)], strict=True)


def _day(number: int) -> date:
    return EPOCH + timedelta(days=number)


def session_numbers(days: Days, calendar: TradingCalendar) -> NDArray[np.int32]:
    """Return each session's number in the calendar, counted from the first of these days."""
    first, last = int(days.min()), int(days.max())
    held = np.array(calendar.sessions(_day(first), _day(last)), dtype="datetime64[D]")
    number = np.zeros(last - first + 1, dtype=np.int32)
    number[held.astype(np.int64) - first] = np.arange(len(held), dtype=np.int32)
    return number[days - first]
