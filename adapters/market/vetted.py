"""What a download brings is held against the prices: its bars, its splits, its dividends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import isnan
from typing import Any, Literal, cast

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from adapters.market.apart import INFERRED
from adapters.market.arrays import PriceArrays
from adapters.market.bearers import Bearers
from adapters.market.days import eve_of
from adapters.market.facts import Facts
from adapters.market.fetched import FetchedBars, keys
from adapters.market.implausible import Implausible, Ratios, implausible
from adapters.market.instruments import EPOCH
from adapters.market.newest import newest
from adapters.market.quarantine import Quarantine
from adapters.market.splits import (
    StatedSplits,
    contradicted,
    exact_ratio,
    find_splits,
    is_large,
    judge_splits,
)
from adapters.providers.dating import action_id
from interfaces.calendar import TradingCalendar
from schemas.base import to_micro
from schemas.facts import CorporateAction
from schemas.market import SuspectedSplit

pc: Any = compute  # its functions are made at run time, unknown to type checkers

Key = tuple[str, date]
_SPLITS = ("split", "stock_dividend")
_MARGIN = 150  # sessions before the first new one that say what is usual
_REVISED = 10  # sessions before it whose bars the new ones may show to be wrong
_SAID = 20
_ALWAYS = np.datetime64(date.min, "D")


@dataclass(frozen=True, slots=True)
class Terms:
    """How a download is to be added to a data set.

    Bars were asked for in `span`. `suspected` are the set's splits that nobody states, by
    instrument; `splits` decides about these and about new ones.
    """

    span: tuple[date, date]
    now: datetime
    adjustment: str
    close_only: bool = False
    suspected: tuple[SuspectedSplit, ...] = ()
    splits: Literal["adjust", "accept"] | None = None


@dataclass(slots=True)
class Vetting:
    """Checks of one download against all that is on hand; `notes` gather what is to be said."""

    on_hand: tuple[PriceArrays, Facts]
    calendar: TradingCalendar
    terms: Terms
    notes: list[str] = field(default_factory=list[str])
    _left_out: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def stated(
        self, bars: FetchedBars, bearers: Bearers, told: Iterable[dict[str, Any]]
    ) -> list[CorporateAction]:
        """Return the splits and dividends that rows of prices state and nobody else does."""
        if not bars.told:
            return []
        on_hand = self.on_hand[1]["actions"].select(["instrument", "kind", "ex_date"])
        rows = [*told, *on_hand.to_pylist()]
        known = {(row["instrument"], _group(row["kind"]), row["ex_date"]) for row in rows}
        found: dict[tuple[str, str, date], CorporateAction] = {}
        for number, said in bars.told:
            page = bars.pages[number]
            columns = (said.day.tolist(), said.split.tolist(), said.dividend.tolist())
            for count, ratio, cash in zip(*columns, strict=True):
                day = EPOCH + timedelta(days=count)
                who = bearers.at(page.symbol, day)
                values = {"action_symbol": page.symbol, "provider": page.provider}
                if not isnan(ratio) and (who, "split", day) not in known:
                    made = self._split((who, day), ratio, **values)
                    found.setdefault((who, "split", day), made)
                if cash > 0 and to_micro(cash) > 0 and (who, "cash_dividend", day) not in known:
                    made = self._action((who, day), "cash_dividend", cash=to_micro(cash), **values)
                    found.setdefault((who, "cash_dividend", day), made)
        return list(found.values())

    def inferred(self, suspects: Iterable[SuspectedSplit]) -> list[CorporateAction]:
        """Return suspected splits, by instrument, as splits known from the close before."""
        return [
            self._split((each.symbol, each.session), each.ratio, provider=INFERRED, inferred=True)
            for each in suspects
        ]

    def fitting(self, actions: pa.Table, bars: FetchedBars) -> pa.Table:
        """Return the actions without those that are in the prices already, or cannot be."""
        rows = actions.to_pylist()
        if not rows:
            return actions
        splits = {_key(row): _ratio(row) for row in rows if _is_split(row)}
        paid = {_key(row) for row in rows if row["kind"] == "cash_dividend"}
        names = {who for who, _ in (*splits, *paid)}
        prices = newest(self.on_hand, bars, names, since=_ALWAYS)
        judged = judge_splits(prices, splits)
        by_day: dict[str, dict[date, float]] = defaultdict(dict)
        known = known_splits((self.on_hand[1]["actions"],), self.calendar)
        for (who, day), ratio in (known | splits).items():
            by_day[who][day] = ratio
        kept = np.ones(len(rows), dtype=np.bool_)
        for at, row in enumerate(rows):
            key, why = _key(row), ""
            if _is_split(row):
                why = self._in_prices(key, judged.adjusted, judged.open)
            elif row["kind"] == "cash_dividend" and not row["withdrawn"]:
                why = self._no_dividend(row, prices, by_day)
            if why:
                self._left_out[why].append(f"{row['instrument']} {row['ex_date']}")
                kept[at] = False
        return actions.filter(pa.array(kept))

    def quarantine(
        self, bars: FetchedBars, splits: Ratios, quarantine: Quarantine, *, close_only: bool
    ) -> tuple[NDArray[np.bool_], list[Key], PriceArrays]:
        """Refuse fetched bars that cannot be true beside their neighbours.

        Returns which of the bars these are, which bars on hand the new ones show to be wrong, and
        the prices around the new bars without either.
        """
        prices = self._around(bars)
        found = implausible(prices, self.calendar, splits, close_only=close_only)
        row = prices.sessions.searchsorted(bars.day)
        place = {name: column for column, name in enumerate(prices.symbols)}
        words = sorted(bars.names, key=bars.names.__getitem__)
        column = np.array([place.get(word, -1) for word in words], np.intp)[bars.instrument]
        bad = found.bars[row, column]
        for at in np.flatnonzero(bad).tolist():
            who, day = prices.symbols[column[at]], bars.day[at].item()
            one = np.zeros(len(bad), dtype=np.bool_)
            one[at] = True
            bars.refuse(one, found.reason(who, day), quarantine)
        fresh = np.zeros(found.bars.shape, dtype=np.bool_)
        fresh[row, column] = True
        spoilt = self._spoilt(prices, found, fresh)
        for grid in (prices.open, prices.high, prices.low, prices.close, prices.volume):
            grid[fresh & found.bars] = np.nan
            for who, day in spoilt:
                grid[prices.sessions.searchsorted(np.datetime64(day, "D")), place[who]] = np.nan
        return bad, spoilt, prices

    def suspects(
        self, bars: FetchedBars, prices: PriceArrays, splits: Ratios
    ) -> list[SuspectedSplit]:
        """Return moves to or from a new bar that look like a split nobody states."""
        told = np.array([page.tells_splits for page in bars.pages], np.bool_)[bars.page]
        new = set(keys(bars.instrument, bars.day).tolist())
        silent = set(keys(bars.instrument[told], bars.day[told]).tolist())
        found: list[SuspectedSplit] = []
        for each in find_splits(prices, StatedSplits(set(), dict(splits))):
            close = prices.close[:, prices.symbols.index(each.symbol)]
            row = int(prices.sessions.searchsorted(np.datetime64(each.session, "D")))
            before = np.flatnonzero(~np.isnan(close[:row]))[-1]
            code = np.array([bars.names[each.symbol]] * 2)
            after, earlier = keys(code, prices.sessions[[row, before]]).tolist()
            believed = after in silent and not is_large(each.ratio)
            if (after in new or earlier in new) and not believed:
                found.append(each)
        return found

    def doubtful(
        self, bars: FetchedBars, suspects: Iterable[SuspectedSplit]
    ) -> tuple[SuspectedSplit, ...]:
        """Return the suspects whose volume contradicts a split, with the new bars in place."""
        those = tuple(suspects)
        prices = newest(self.on_hand, bars, {each.symbol for each in those}, since=_ALWAYS)
        return contradicted(prices, those)

    def all_notes(self) -> list[str]:
        """Say what was assumed and what was left out."""
        lines = list(self.notes)
        for reason, those in self._left_out.items():
            more = f" and {len(those) - _SAID} more" if len(those) > _SAID else ""
            lines.append(f"{reason}: {', '.join(those[:_SAID])}{more}")
        return lines

    def _around(self, bars: FetchedBars) -> PriceArrays:
        words = sorted(bars.names, key=bars.names.__getitem__)
        names = {words[code] for code in np.unique(bars.instrument).tolist()}
        sessions = self.on_hand[0].sessions.astype("datetime64[D]")
        first = int(sessions.searchsorted(bars.day.min())) - _MARGIN
        since = sessions[max(0, first)] if len(sessions) else _ALWAYS
        return newest(self.on_hand, bars, names, since=min(since, bars.day.min()))

    def _spoilt(
        self, prices: PriceArrays, found: Implausible, fresh: NDArray[np.bool_]
    ) -> list[Key]:
        """Return the bars on hand, shortly before a new one or later, that are wrong beside it."""
        near = np.zeros_like(fresh)
        for shift in range(-_REVISED, _REVISED + 1):
            if abs(shift) < len(fresh):
                moved = fresh[max(0, shift) : len(fresh) + min(0, shift)]
                near[max(0, -shift) : len(fresh) + min(0, -shift)] |= moved
        keys_found: list[Key] = []
        for row, column in np.argwhere(found.bars & near & ~fresh).tolist():
            who, day = prices.symbols[column], prices.sessions[row].item()
            why = f"bars on hand were taken out: {found.reason(who, day)}"
            self._left_out[why].append(f"{who} {day}")
            keys_found.append((who, day))
        return keys_found

    def _in_prices(self, key: Key, adjusted: Iterable[Key], untold: Iterable[Key]) -> str:
        if key in adjusted:
            return "a stated split is in the prices already and was not recorded"
        if key in untold and self.terms.adjustment != "raw":
            return (
                "whether the prices are adjusted for a stated split cannot be told, so it was not "
                "recorded"
            )
        return ""

    def _no_dividend(
        self, row: dict[str, Any], prices: PriceArrays, splits: Mapping[str, Mapping[date, float]]
    ) -> str:
        if self.terms.adjustment == "split_dividend":
            return "a dividend is in the adjusted prices already and was not recorded"
        who, day = _key(row)
        close = prices.close[:, prices.symbols.index(who)]
        until = int(prices.sessions.searchsorted(np.datetime64(day, "D")))
        before = np.flatnonzero(~np.isnan(close[:until]))
        if not len(before):
            return ""
        last = close[before[-1]]
        since = cast("date", prices.sessions[before[-1]].item())
        for on, ratio in splits.get(who, {}).items():  # of units that splits since have made
            if since < on <= day:
                last /= ratio
        if float(row["cash"]) >= last:
            return "a dividend is not below the close before it and was not recorded"
        return ""

    def _split(self, key: Key, ratio: float, **values: Any) -> CorporateAction:
        exact = exact_ratio(ratio)
        units = {"new_units": Decimal(exact.numerator), "old_units": Decimal(exact.denominator)}
        return self._action(key, "split", **units, **values)

    def _action(self, key: Key, kind: Any, **values: Any) -> CorporateAction:
        who, day = key
        return CorporateAction(
            action_id=action_id(values.pop("action_symbol", who), kind, day),
            instrument=who,
            kind=kind,
            ex_date=day,
            known_time=eve_of(day, self.calendar),
            stored_time=self.terms.now,
            **values,
        )


def known_splits(actions: Iterable[pa.Table], calendar: TradingCalendar) -> dict[Key, float]:
    """Return the splits that are known by now and not called off, by instrument and session."""
    rows: list[dict[str, Any]] = []
    for table in actions:
        kinds = table.column("kind").cast(pa.string())
        rows += table.filter(pc.is_in(kinds, pa.array(_SPLITS))).to_pylist()
    newest_of: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row["known_time"]):
        newest_of[row["action_id"]] = row
    found: dict[Key, float] = {}
    for row in newest_of.values():
        if not row["withdrawn"]:
            key = (row["instrument"], calendar.on_or_after(row["ex_date"]))
            found[key] = found.get(key, 1.0) * _ratio(row)
    return found


def _group(kind: str) -> str:
    return "split" if kind in _SPLITS else kind


def _is_split(row: dict[str, Any]) -> bool:
    return row["kind"] in _SPLITS and not row["withdrawn"]


def _key(row: dict[str, Any]) -> Key:
    return row["instrument"], row["ex_date"]


def _ratio(row: dict[str, Any]) -> float:
    return float(row["new_units"] / row["old_units"])
