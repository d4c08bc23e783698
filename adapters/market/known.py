"""Listings, members, macro series and reported figures as they were known at a moment."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa

from adapters.market.facts import (
    NEVER,
    codes,
    days_of,
    floats,
    grouped,
    instants,
    superseded,
)
from adapters.market.moments import Opens
from adapters.market.names import Claim
from interfaces.market import MacroSeries, Vintage
from schemas.errors import NotFound
from schemas.facts import Fundamental, Listing, MacroSeriesInfo


class ListingBook:
    """The listings of a data set: a table of the schema `LISTINGS`."""

    def __init__(self, table: pa.Table, opens: Opens) -> None:
        self._table = table
        self._opens = opens

    def claims(self) -> Iterator[Claim]:
        """Yield the tickers that are claimed; a later version of a listing claims nothing new."""
        instrument, instruments = codes(self._table, "instrument")
        symbol, symbols = codes(self._table, "symbol")
        day = days_of(self._table, "first_session")
        known = instants(self._table, "known_time")
        seen: set[tuple[int, int, int]] = set()
        for row in np.argsort(known, kind="stable").tolist():
            what = (int(instrument[row]), int(symbol[row]), int(day[row]))
            if what in seen:
                continue
            seen.add(what)
            yield Claim(
                instrument=instruments[what[0]],
                symbol=symbols[what[1]],
                day=what[2],
                opens=self._opens.at(what[2]),
                known=int(known[row]),
            )

    def known(self, instrument: str, as_of: int) -> list[Listing]:
        """Return the listings that have begun and are known, in their newest version, by day."""
        rows = self._rows.get(instrument)
        if rows is None:
            return []
        newest: dict[tuple[str, object], Listing] = {}
        for row in rows.tolist():
            if self._known[row] < as_of and self._begins[row] <= as_of:
                (values,) = self._table.slice(row, 1).to_pylist()
                listing = Listing(**values)
                newest[listing.symbol, listing.first_session] = listing
        return sorted(newest.values(), key=lambda one: one.first_session)

    @cached_property
    def _rows(self) -> dict[str, np.ndarray]:
        code, words = codes(self._table, "instrument")
        return {
            words[one]: rows[np.argsort(self._known[rows], kind="stable")]
            for one, rows in grouped(code).items()
        }

    @cached_property
    def _known(self) -> np.ndarray:
        return instants(self._table, "known_time")

    @cached_property
    def _begins(self) -> np.ndarray:
        days = days_of(self._table, "first_session").tolist()
        return np.array([self._opens.at(day) for day in days], dtype=np.int64)


class MemberBook:
    """The stays in universes: a table of the schema `MEMBERS`, read at first use."""

    def __init__(self, table: pa.Table, opens: Opens) -> None:
        self._table = table
        self._opens = opens

    def members(self, universe: str, as_of: int) -> list[str]:
        """Return the instruments that are members by what is known; `NotFound`."""
        rows = self._rows.get(universe, np.empty(0, dtype=np.int64))
        rows = rows[self._known[rows] < as_of]
        if not len(rows):
            raise NotFound(f"nothing is known of a universe {universe[:40]!r}")
        inside = (as_of <= self._until[rows]) & (self._enters[rows] <= as_of)
        inside &= ~(self._leaves[rows] <= as_of)
        code, words = self._instruments
        return [words[one] for one in np.unique(code[rows[inside]]).tolist()]

    def stays(self) -> Iterator[tuple[str, str, int, int]]:
        """Yield (universe, instrument, enters, leaves) in their newest versions.

        In days since 1970; `NEVER` for one that still is a member.
        """
        newest = np.flatnonzero(self._until == NEVER)
        universe, universes = codes(self._table, "universe")
        instrument, instruments = self._instruments
        enters, leaves = (days_of(self._table, column) for column in ("enters", "leaves"))
        for row in newest[np.lexsort((enters[newest], universe[newest]))].tolist():
            names = universes[universe[row]], instruments[instrument[row]]
            yield *names, int(enters[row]), int(leaves[row])

    @cached_property
    def _instruments(self) -> tuple[np.ndarray, list[str]]:
        return codes(self._table, "instrument")

    @cached_property
    def _rows(self) -> dict[str, np.ndarray]:
        code, words = codes(self._table, "universe")
        return {words[one]: rows for one, rows in grouped(code).items()}

    @cached_property
    def _known(self) -> np.ndarray:
        return instants(self._table, "known_time")

    @cached_property
    def _enters(self) -> np.ndarray:
        return self._moments("enters")

    @cached_property
    def _leaves(self) -> np.ndarray:
        return self._moments("leaves")

    @cached_property
    def _until(self) -> np.ndarray:
        universe, _ = codes(self._table, "universe")
        return superseded(
            self._known, universe, self._instruments[0], days_of(self._table, "enters")
        )

    def _moments(self, column: str) -> np.ndarray:
        days = days_of(self._table, column).tolist()
        return np.array([self._opens.at(day) for day in days], dtype=np.int64)


class MacroBook:
    """The macro series of a data set: a table of the schema `MACRO`, read at first use."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def names(self) -> tuple[str, ...]:
        """Return the names of all series, sorted."""
        return tuple(sorted(self._series))

    def read(self, series: str, as_of: int, vintage: Vintage = "latest") -> MacroSeries | None:
        """Return one series as known; None when nothing of it is."""
        whole = self._series.get(series)
        if whole is None:
            return None
        periods, values, known = whole
        seen = known < as_of
        if not seen.any():
            return None
        periods, values, known = periods[seen], values[seen], known[seen]
        changes = periods[1:] != periods[:-1]
        parts = [changes, [True]] if vintage == "latest" else [[True], changes]
        kept = np.concatenate(parts).astype(np.bool_)
        return MacroSeries(
            series=series,
            periods=periods[kept].astype("datetime64[D]"),
            values=values[kept],
            known=known[kept].astype("datetime64[us]"),
        )

    def info(self, series: str, as_of: int) -> MacroSeriesInfo | None:
        """Describe one series as known; None when nothing of it is."""
        found = self.read(series, as_of)
        if found is None:
            return None
        return MacroSeriesInfo(
            series=series,
            first_period=found.periods[0].item(),
            last_period=found.periods[-1].item(),
            values=len(found.periods),
        )

    @cached_property
    def _series(self) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        code, words = codes(self._table, "series")
        periods = days_of(self._table, "period")
        values = floats(self._table, "value")
        known = instants(self._table, "known_time")
        found: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        for one, rows in grouped(code).items():
            ordered = rows[np.lexsort((known[rows], periods[rows]))]
            found[words[one]] = (periods[ordered], values[ordered], known[ordered])
        return found


class FundamentalBook:
    """Reported figures: a table of the schema `FUNDAMENTALS`, read at first use."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def known(
        self, instrument: str, as_of: int, *, field: str | None, vintage: Vintage
    ) -> tuple[Fundamental, ...]:
        """Return the figures known, one for each period and field, in this order."""
        chosen: dict[tuple[object, str], Fundamental] = {}
        for figure in self._figures(instrument, as_of):
            if field is not None and figure.field != field:
                continue
            what = (figure.period_end, figure.field)
            if vintage == "latest" or what not in chosen:
                chosen[what] = figure
        return tuple(sorted(chosen.values(), key=lambda one: (one.period_end, one.field)))

    def _figures(self, instrument: str, as_of: int) -> Iterator[Fundamental]:
        rows = self._rows.get(instrument, np.empty(0, dtype=np.int64))
        known = self._known[rows]
        rows = rows[np.argsort(known, kind="stable")][: int((known < as_of).sum())]
        for values in self._table.take(pa.array(rows)).to_pylist():
            yield Fundamental(**values)

    @cached_property
    def _rows(self) -> dict[str, np.ndarray]:
        code, words = codes(self._table, "instrument")
        return {words[one]: rows for one, rows in grouped(code).items()}

    @cached_property
    def _known(self) -> np.ndarray:
        return instants(self._table, "known_time")
