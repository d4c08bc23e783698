"""A loaded data set as it was known at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np

from adapters.market.adjust import ORDER, ex_day
from adapters.market.arrays import Columns
from adapters.market.moments import day_of, instant_of, micros
from adapters.market.names import Rename
from adapters.market.parts import Parts, closes_of
from interfaces.market import AS_KNOWN, Bars, Closes, LastPrice, MacroSeries, Reading, Vintage
from schemas.documents import DocumentKind, FoundDocument
from schemas.errors import InvalidRequest, LookAhead, NotFound
from schemas.facts import CorporateAction, Fundamental, Listing, MacroSeriesInfo

_DERIVED = "prices"
"""The provider of what no source states but prices and reuse of tickers show."""


class TableView:
    """Implement `MarketView`: what was known strictly before `as_of`, and nothing else."""

    __slots__ = ("_now", "_parts", "as_of")

    def __init__(self, parts: Parts, as_of: datetime) -> None:
        self.as_of = as_of
        self._parts = parts
        self._now = micros(as_of)

    @property
    def parts(self) -> Parts:
        """What the data set is made of, later things included: for adapters that cut by time."""
        return self._parts

    def symbols(self) -> tuple[str, ...]:
        """Return the tradable symbols that are traded by now, sorted.

        A symbol is, from its first bar on, until its newest bar is more than `STALE_AFTER`
        sessions old, counted in the data set's own sessions: of weekly bars, in weeks. A symbol
        with bars that are further apart than that comes and goes.
        """
        return self._parts.traded(self._now)

    def instrument(self, symbol: str) -> str | None:
        """Return the instrument that bears the ticker now; None while none does; `NotFound`."""
        return self._parts.instrument(symbol, self._now)

    def bars(
        self,
        symbol: str,
        *,
        lookback: int | None = None,
        start: date | None = None,
        end: date | None = None,
        how: Reading = AS_KNOWN,
    ) -> Bars:
        """Return the bars of `start..end`, of these the last `lookback`; all when none is given."""
        columns = self._columns(symbol, how)
        self._refuse_the_future(start, end)
        first, last = 0, 0 if columns is None else int(columns.known.searchsorted(self._now))
        if columns is None:
            columns = _NONE
        days = columns.days[:last]
        if end is not None:
            last = int(days.searchsorted(np.datetime64(end, "D"), side="right"))
        if start is not None:
            first = int(days.searchsorted(np.datetime64(start, "D")))
        if lookback is not None:
            first = max(first, last - _positive(lookback))
        return self._bars(symbol, columns, first, max(first, last))

    def closes(self, symbols: Sequence[str], lookback: int, *, how: Reading = AS_KNOWN) -> Closes:
        """Return the last `lookback` sessions on which every one of the symbols has a close."""
        found = [self.instrument(symbol) for symbol in symbols]
        bearers = [instrument for instrument in found if instrument is not None]
        lookback = _positive(lookback)
        if len(bearers) < len(found) or not found:
            return Closes(tuple(symbols), _NONE.days, np.empty((0, len(found))))
        series = [self._parts.series[instrument] for instrument in bearers]
        if all(one.plain for one in series):
            return self._parts.closes(symbols, bearers, as_of=self._now, lookback=lookback)
        columns = [one.columns(self._now, how) for one in series]
        known = [int(one.known.searchsorted(self._now)) for one in columns]
        pairs = [(one.days[:n], one.close[:n]) for one, n in zip(columns, known, strict=True)]
        return Closes(tuple(symbols), *closes_of(pairs, lookback))

    def last_close(self, symbol: str) -> tuple[date, float] | None:
        """Return the newest session and its close in today's units, or None before the first."""
        columns = self._columns(symbol, AS_KNOWN)
        known = 0 if columns is None else int(columns.known.searchsorted(self._now))
        if columns is None or known == 0:
            return None
        return columns.days[known - 1].item(), float(columns.close[known - 1])

    def quote(self, symbol: str) -> LastPrice | None:
        """Return the newest close, in today's units, with the instant at which it was made."""
        last = self.last_close(symbol)
        if last is None:
            return None
        return LastPrice(symbol, last[0], self._parts.calendar.closes_at(last[0]), last[1])

    def actions(
        self, symbol: str | None = None, *, start: date | None = None, end: date | None = None
    ) -> tuple[CorporateAction, ...]:
        """Return the actions known by now with an ex-date in `start..end`, by ex-date."""
        instrument = None if symbol is None else self._traded_once(symbol)
        book = self._parts.actions
        if (symbol is not None and instrument is None) or not len(book):
            return ()
        found, rows = book.versions, book.known(self._now)
        if instrument is not None:
            names = np.array([one == instrument for one in found.instruments], dtype=np.bool_)
            rows = rows[names[found.instrument[rows]]]
        if start is not None:
            rows = rows[found.day[rows] >= ex_day(start)]
        if end is not None:
            rows = rows[found.day[rows] <= ex_day(end)]
        return tuple(book.message(row) for row in rows.tolist())

    def applied(self, since: datetime) -> tuple[tuple[str, CorporateAction], ...]:
        """Return the actions that took effect after `since` and by now, in order.

        Each once, as it was known when it took effect; a correction that comes later is none.
        Where a ticker changes and no action says so (another company takes it over, a listing
        names a new one) a ticker change is made up, so that positions can follow.
        """
        parts, first = self._parts, micros(since)
        found: list[tuple[int, int, str, CorporateAction]] = []
        if len(parts.actions):
            versions = parts.actions.versions
            moments, rows = parts.actions.first_effects
            span = slice(*moments.searchsorted([first, self._now], side="right"))
            for moment, row in zip(moments[span].tolist(), rows[span].tolist(), strict=True):
                rank = int(versions.kind[row])
                if ORDER[rank] == "ticker_change":
                    continue  # among the changes of names
                instrument = versions.instruments[versions.instrument[row]]
                ticker = parts.names.ticker_before(instrument, moment)
                found.append((moment, rank, ticker, parts.actions.message(row)))
        found += [
            (change.moment, len(ORDER), change.old, self._change(change))
            for change in parts.names.changed(first, self._now)
        ]
        found.sort(key=lambda one: one[:2])  # stable: changes of names stay in their order
        return tuple((ticker, action) for _, _, ticker, action in found)

    def listings(self, symbol: str) -> tuple[Listing, ...]:
        """Return the tickers the instrument has had by now, oldest first.

        What no listing states comes from its first bar and from changes of its ticker.
        """
        instrument = self._traded_once(symbol)
        if instrument is None:
            return ()
        names = self._parts.names
        stated = self._parts.listings.known(instrument, self._now)
        changes = names.of(instrument, self._now)
        had = {listing.symbol for listing in stated}
        derived = [
            _derived(instrument, one.new, one.moment, day_of(one.day))
            for one in changes
            if one.new not in had
        ]
        first = changes[0].old if changes else names.ticker(instrument, self._now)
        birth = self._parts.series[instrument].first_known()
        if first not in had and birth is not None:
            derived.insert(0, _derived(instrument, first, *birth))
        return tuple(sorted([*derived, *stated], key=lambda one: one.first_session))

    def ticker(self, instrument: str) -> str | None:
        """Return the ticker that an instrument bears now; None before its first bar."""
        if instrument not in self._parts.instruments:
            return None
        first = self._parts.series[instrument].first_known()
        if first is None or first[0] >= self._now:
            return None
        return self._parts.names.ticker(instrument, self._now)

    def members(self, universe: str) -> tuple[str, ...]:
        """Return the tickers of the universe's members at this moment, sorted; `NotFound`."""
        names = self._parts.names
        members = self._parts.members.members(universe, self._now)
        return tuple(sorted(names.ticker(instrument, self._now) for instrument in members))

    def macro_series(self) -> tuple[MacroSeriesInfo, ...]:
        """Return the macro series of which something is known by now, by name."""
        macro = self._parts.macro
        infos = (macro.info(series, self._now) for series in macro.names())
        return tuple(info for info in infos if info is not None)

    def macro(
        self,
        series: str,
        *,
        start: date | None = None,
        end: date | None = None,
        vintage: Vintage = "latest",
    ) -> MacroSeries:
        """Return the series as known now; `NotFound` when nothing of it is."""
        found = self._parts.macro.read(series, self._now, vintage)
        if found is None:
            raise NotFound(f"nothing is known of a macro series {series[:40]!r}")
        kept = np.ones(len(found.periods), dtype=np.bool_)
        if start is not None:
            kept &= found.periods >= np.datetime64(start, "D")
        if end is not None:
            kept &= found.periods <= np.datetime64(end, "D")
        return MacroSeries(series, found.periods[kept], found.values[kept], found.known[kept])

    def fundamentals(
        self, symbol: str, *, field: str | None = None, vintage: Vintage = "latest"
    ) -> tuple[Fundamental, ...]:
        """Return reported figures known by now, by period and field; empty when there are none."""
        instrument = self._traded_once(symbol)
        if instrument is None:
            return ()
        return self._parts.fundamentals.known(instrument, self._now, field=field, vintage=vintage)

    def documents(
        self,
        query: str,
        *,
        kind: DocumentKind | None = None,
        symbol: str | None = None,
        limit: int = 10,
    ) -> tuple[FoundDocument, ...]:
        """Search the data set's own dated texts.

        With a symbol, those about the company that bears it now, under whatever ticker it bore
        when they were published.
        """
        if symbol is None:
            return self._parts.documents.find(query, as_of=self.as_of, kind=kind, limit=limit)
        instrument = self._traded_once(symbol)
        if instrument is None:
            return ()
        names, now = self._parts.names, self._now

        def is_about(named: tuple[str, ...], published: datetime) -> bool:
            at = micros(published)
            return any(names.meant(one, at, now) == instrument for one in named)

        return self._parts.documents.find(
            query, as_of=self.as_of, kind=kind, about=is_about, limit=limit
        )

    def _columns(self, symbol: str, how: Reading) -> Columns | None:
        instrument = self._parts.instrument(symbol, self._now)
        return (
            None if instrument is None else self._parts.series[instrument].columns(self._now, how)
        )

    def _traded_once(self, symbol: str) -> str | None:
        """Return the instrument; None before its first bar: then nothing is to be known of it."""
        instrument = self._parts.instrument(symbol, self._now)
        if instrument is None:
            return None
        first = self._parts.series[instrument].first_known()
        return instrument if first is not None and first[0] < self._now else None

    def _bars(self, symbol: str, columns: Columns, first: int, last: int) -> Bars:
        info = self._parts.info
        return Bars(
            symbol=symbol,
            interval=info.interval,
            close_only=info.close_only,
            sessions=columns.days[first:last],
            open=columns.open[first:last],
            high=columns.high[first:last],
            low=columns.low[first:last],
            close=columns.close[first:last],
            volume=columns.volume[first:last],
        )

    def _change(self, change: Rename) -> CorporateAction:
        if change.action is not None:
            return self._parts.actions.message(change.action)
        told, day = instant_of(change.moment), day_of(change.day)
        return CorporateAction(
            action_id=f"ticker:{change.instrument}:{change.new}:{day}",
            instrument=change.instrument,
            kind="ticker_change",
            ex_date=day,
            new_units=None,
            old_units=None,
            cash=None,
            new_symbol=change.new,
            known_time=told,
            stored_time=told,
            provider=_DERIVED,
        )

    def _refuse_the_future(self, start: date | None, end: date | None) -> None:
        if start is None and end is None:
            return
        if start is not None and end is not None and end < start:
            raise InvalidRequest("the end lies before the start")
        if max(filter(None, (start, end))) >= self._parts.first_unseen(self.as_of):
            raise LookAhead(
                f"it is {self.as_of.date().isoformat()}: nothing later than the last "
                "completed session can be seen"
            )


def _empty() -> Columns:
    days, none = np.empty(0, "datetime64[D]"), np.empty(0)
    known = np.empty(0, dtype=np.int64)
    for values in (days, none, known):
        values.flags.writeable = False
    return Columns(days, known, none, none, none, none, none)


_NONE = _empty()


def _derived(instrument: str, symbol: str, moment: int, day: date) -> Listing:
    told = instant_of(moment)
    return Listing(
        instrument=instrument,
        symbol=symbol,
        name=None,
        first_session=day,
        last_session=None,
        known_time=told,
        stored_time=told,
        provider=_DERIVED,
    )


def _positive(lookback: int) -> int:
    if lookback < 1:
        raise InvalidRequest("a lookback must be at least 1")
    return lookback
