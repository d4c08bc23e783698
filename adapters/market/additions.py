"""What freshly fetched rows add to a data set: new bars, new vintages of bars, new facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa
from numpy.typing import NDArray

from adapters.calendar import ExchangeCalendar
from adapters.market.apart import Companies
from adapters.market.arrays import PriceArrays
from adapters.market.bearers import Bearers
from adapters.market.cache import no_prices
from adapters.market.compiled import Rows, cells, closing_times, news_of
from adapters.market.facts import NEVER, SCHEMAS, Facts, codes, instants, table_of
from adapters.market.fetched import FetchedBars, keys, screened
from adapters.market.inspection import compare_prices
from adapters.market.newest import newest
from adapters.market.quarantine import Quarantine
from adapters.market.screen import RowScreen
from adapters.market.segments import FIELDS
from adapters.market.staging import Chunk
from adapters.market.vetted import Key, Terms, Vetting, known_splits
from schemas.facts import CorporateAction, Listing, MacroValue, StoredDocument
from schemas.market import SuspectedSplit
from schemas.quality import Finding

_KINDS = {
    CorporateAction: "actions",
    Listing: "listings",
    MacroValue: "macro",
    StoredDocument: "documents",
}
_SAID = 20


@dataclass(slots=True)
class Additions:
    """Rows to be stored beside those on hand, by kind, and what there is to say about them.

    `told_apart` counts bars that differ from those on hand of another provider, which stay;
    `disagreements` are where they do so beyond what two honest sources may.

    `spoilt` are bars on hand that the new ones show to be wrong, `suspected` the splits nobody
    states, of the whole set, before anything is decided about them; `doubtful` are further ones
    that `adjust` leaves open.
    """

    screen: RowScreen
    rows: dict[str, pa.Table] = field(default_factory=dict[str, pa.Table])
    spoilt: list[Key] = field(default_factory=list[Key])
    suspected: tuple[SuspectedSplit, ...] = ()
    doubtful: tuple[SuspectedSplit, ...] = ()
    bearers: Bearers = field(default_factory=lambda: Bearers([]))
    fresh: int = 0
    restated: int = 0
    unchanged: int = 0
    told_apart: int = 0
    disagreements: tuple[Finding, ...] = ()

    def notes(self) -> tuple[str, ...]:
        """Say what is new and what is not, and where another provider disagrees."""
        facts = sum(table.num_rows for kind, table in self.rows.items() if kind != "bars")
        said = (
            f"{self.fresh} bars are new, {self.restated} restated, {self.unchanged} as before; "
            f"{facts} other facts are new"
        )
        return (*self.screen.quarantine.notes, said, *self._disagreeing())

    def _disagreeing(self) -> list[str]:
        if not self.told_apart:
            return []
        found = self.disagreements
        kept = (
            f"{self.told_apart} bars of another provider differ from those on hand, which were "
            f"kept: {len(found) or 'no'} disagreements beyond rounding"
        )
        said = [
            kept,
            *(f"disagreement: {one.symbol} {one.session}: {one.detail}" for one in found[:_SAID]),
        ]
        return [*said, f"and {len(found) - _SAID} more"] if len(found) > _SAID else said


def additions(
    chunks: Sequence[Chunk],
    on_hand: tuple[PriceArrays, Facts],
    calendar: ExchangeCalendar,
    terms: Terms,
    *,
    held: Rows,
) -> Additions:
    """Screen what was fetched and hold it against what is on hand, of which `held` yields the rows.

    A bar that is new is known from its session's close on. One whose values differ from the newest
    vintage on hand is a new vintage, known from now on, where the same provider gave that one; of
    another provider it is compared and left out. Facts that say nothing new are left out.
    """
    arrays, facts = on_hand
    told = {kind: _facts_of(chunks, kind) for kind in _KINDS.values()}
    found = Additions(RowScreen(calendar, Quarantine()))
    vetting = Vetting(on_hand, calendar, terms)
    bars = screened(chunks, Bearers([facts, Facts(told)]), found.screen)
    listed = _listed(facts["listings"], told["listings"])
    companies = Companies(arrays, listed, calendar, terms.span, terms.now, vetting.notes)
    told["listings"] = _joined("listings", told["listings"], companies.tell_apart(bars))
    found.bearers = Bearers([facts, Facts(told)])
    restates = _without_known(bars, on_hand, held, found)
    actions = _of_instruments(told["actions"], found.bearers)
    stated = vetting.stated(bars, found.bearers, actions.to_pylist())
    told["actions"] = _joined("actions", actions, stated)
    for kind, table in told.items():
        found.rows[kind] = _news(kind, facts[kind], table)
    found.rows["actions"] = vetting.fitting(found.rows["actions"], bars)
    _vet(bars, restates, vetting, found)
    found.screen.quarantine.notes += vetting.all_notes()
    return found


def _vet(
    bars: FetchedBars, restates: NDArray[np.bool_], vetting: Vetting, found: Additions
) -> None:
    """Quarantine bars that cannot be true, look for splits nobody states, and make the rows."""
    terms, calendar = vetting.terms, vetting.calendar
    splits = known_splits((vetting.on_hand[1]["actions"], found.rows["actions"]), calendar)
    suspected = {(each.symbol, each.session): each for each in terms.suspected}
    if len(bars.day):
        close_only = terms.close_only or found.screen.close_only
        bad, found.spoilt, prices = vetting.quarantine(
            bars, splits, found.screen.quarantine, close_only=close_only
        )
        bars.keep(~bad)
        restates = restates[~bad]
        for key in _places_of(bars):
            suspected.pop(key, None)
        for each in vetting.suspects(bars, prices, splits):
            suspected[each.symbol, each.session] = each
    found.fresh, found.restated = int((~restates).sum()), int(restates.sum())
    open_ones = [each for key, each in suspected.items() if key not in splits]
    open_ones.sort(key=lambda each: (each.session, each.symbol))
    if terms.splits == "adjust" and open_ones:
        found.doubtful = vetting.doubtful(bars, open_ones)
        open_ones = [each for each in open_ones if each not in found.doubtful]
        inferred = table_of("actions", vetting.inferred(open_ones))
        found.rows["actions"] = pa.concat_tables([found.rows["actions"], inferred])
    found.suspected = tuple(open_ones)
    found.rows["bars"] = _vintages(bars, restates, vetting, terms.now)


def _places_of(bars: FetchedBars) -> set[Key]:
    words = sorted(bars.names, key=bars.names.__getitem__)
    return {
        (words[code], day)
        for code, day in zip(bars.instrument.tolist(), bars.day.tolist(), strict=True)
    }


def _listed(*tables: pa.Table) -> frozenset[str]:
    return frozenset(
        word
        for table in tables
        for name in ("symbol", "instrument")
        for word in table.column(name).to_pylist()
    )


def _joined(kind: str, table: pa.Table, rows: Sequence[CorporateAction | Listing]) -> pa.Table:
    return pa.concat_tables([table, table_of(kind, rows)]) if rows else table


def _facts_of(chunks: Sequence[Chunk], kind: str) -> pa.Table:
    return table_of(
        kind, [fact for chunk in chunks for fact in chunk.rows.facts if _KINDS[type(fact)] == kind]
    )


def _of_instruments(actions: pa.Table, bearers: Bearers) -> pa.Table:
    """Return the actions under the ids of the instruments that their tickers meant."""
    rows = actions.to_pylist()
    for row in rows:
        if row["kind"] != "ticker_change":
            row["instrument"] = bearers.at(row["instrument"], row["ex_date"])
    return pa.Table.from_pylist(rows, schema=SCHEMAS["actions"])


def _news(kind: str, known: pa.Table, told: pa.Table) -> pa.Table:
    whole = pa.concat_tables([known, told]).unify_dictionaries()
    rows = np.sort(np.asarray(news_of(kind, whole)))
    return whole.take(pa.array(rows[rows >= known.num_rows]))


def _without_known(
    bars: FetchedBars, on_hand: tuple[PriceArrays, Facts], held: Rows, found: Additions
) -> NDArray[np.bool_]:
    """Drop bars that say nothing new, or are of another provider than the newest on hand.

    Returns of the others which restate one.
    """
    there, newest_values = _newest(bars, *on_hand)
    same = ((bars.values == newest_values) | (np.isnan(bars.values) & np.isnan(newest_values))).all(
        axis=1
    )
    found.unchanged = int((there & same).sum())
    bars.keep(~same)
    there, before = there[~same], newest_values[~same]
    if not there.any():
        return there
    theirs = _providers(bars, held)
    ours = np.array([page.provider for page in bars.pages], dtype=object)[bars.page]
    apart = there & (theirs != ours)
    found.told_apart = int(apart.sum())
    found.disagreements = _disagreements(bars, apart, before, pairs=(theirs, ours))
    bars.keep(~apart)
    return there[~apart]


def _providers(bars: FetchedBars, held: Rows) -> NDArray[np.object_]:
    """Return who gave the newest vintage on hand of each bar; None without one."""
    key = keys(bars.instrument, bars.day)
    order = np.argsort(key)
    who = np.full(len(key), None, dtype=object)
    since = np.full(len(key), -NEVER)
    for table in held("bars"):
        code, words = codes(table, "instrument")
        named = np.array([bars.names.get(word, -1) for word in words] or [-1])[code]
        asked = keys(named, table.column("session").to_numpy())
        at = order[np.minimum(key[order].searchsorted(asked), len(key) - 1)]
        rows = np.flatnonzero((key[at] == asked) & (named >= 0))
        known = instants(table, "known_time")[rows]
        known[known == NEVER] = 1 - NEVER  # at the session's close: before all that is dated
        provider, providers = codes(table, "provider")
        newer = np.lexsort((-rows, known))  # what is written last stays: of equals the first
        newer = newer[known[newer] > since[at[rows[newer]]]]
        since[at[rows[newer]]] = known[newer]
        who[at[rows[newer]]] = np.array(providers, dtype=object)[provider[rows[newer]]]
    return who


def _disagreements(
    bars: FetchedBars,
    apart: NDArray[np.bool_],
    before: NDArray[np.float64],
    *,
    pairs: tuple[NDArray[np.object_], NDArray[np.object_]],
) -> tuple[Finding, ...]:
    """Compare bars with those on hand of other providers, by the pair of providers."""
    found: list[Finding] = []
    for pair in sorted(set(zip(pairs[0][apart], pairs[1][apart], strict=True))):
        some = apart & (pairs[0] == pair[0]) & (pairs[1] == pair[1])
        on_hand, fetched = (_only(bars, some, values) for values in (before, bars.values))
        found += compare_prices(on_hand, fetched, names=pair)
    return tuple(found)


def _only(bars: FetchedBars, some: NDArray[np.bool_], values: NDArray[np.float64]) -> PriceArrays:
    chosen = FetchedBars(
        names=bars.names,
        instrument=bars.instrument[some],
        day=bars.day[some],
        values=values[some],
    )
    names = {name for name, code in bars.names.items() if (chosen.instrument == code).any()}
    return newest((no_prices(), Facts()), chosen, names, since=chosen.day.min())


def _vintages(
    bars: FetchedBars, restates: NDArray[np.bool_], vetting: Vetting, now: datetime
) -> pa.Table:
    """Return the rows of bars; those that restate one are known from now on."""
    moment = np.datetime64(now.replace(tzinfo=None), "us")
    if restates.any():
        # A clock that was set back must not put a vintage before the one that it replaces.
        closes = closing_times(np.unique(bars.day[restates]), vetting.calendar)
        late = vetting.on_hand[1]["bars"]
        dated = late.column("known_time").to_numpy().astype(closes.dtype)
        moment = max([moment, *(np.concatenate([closes, dated]) + np.timedelta64(1, "us"))])
    return _table(bars, np.where(restates, moment, np.datetime64("NaT", "us")), now)


def _newest(
    bars: FetchedBars, arrays: PriceArrays, facts: Facts
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return whether there is a bar on hand, and the values of its newest vintage."""
    instrument = _coded(bars.instrument, list(bars.names))
    row, column, placed = cells(pa.table({"instrument": instrument, "session": bars.day}), arrays)
    newest = np.full(bars.values.shape, np.nan)
    for index, name in enumerate(FIELDS):
        newest[placed, index] = getattr(arrays, name)[row[placed], column[placed]]
    late = facts["bars"].sort_by("known_time")
    if late.num_rows and len(bars.day):
        words = late.column("instrument").to_pylist()
        asked = keys(
            np.array([bars.names.get(word, -1) for word in words]),
            late.column("session").to_numpy(),
        )
        key = keys(bars.instrument, bars.day)
        order = np.argsort(key)
        at = order[np.minimum(key[order].searchsorted(asked), len(key) - 1)]
        met = key[at] == asked
        values = np.column_stack([late.column(name).to_numpy() for name in FIELDS])
        newest[at[met]] = values[met]  # in order of time: the last one stays
    return ~np.isnan(newest[:, 3]), newest


def _table(bars: FetchedBars, known_time: NDArray[np.datetime64], now: datetime) -> pa.Table:
    schema = SCHEMAS["bars"]
    stamp = schema.field("stored_time").type
    providers = [page.provider for page in bars.pages]
    columns = [
        _coded(bars.instrument, list(bars.names)),
        pa.array(bars.day),
        *(pa.array(bars.values[:, index].copy()) for index in range(len(FIELDS))),
        pa.array(known_time).cast(pa.timestamp("us")).cast(stamp),
        pa.repeat(pa.scalar(now, stamp), len(bars.day)),
        pa.array([providers[page] for page in bars.page.tolist()], pa.string()).dictionary_encode(),
    ]
    order = np.argsort(keys(bars.instrument, bars.day), kind="stable")
    return pa.table(columns, schema=schema).take(pa.array(order))


def _coded(codes: NDArray[np.int32], words: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(words, pa.string()))
