"""From what is said about splits, dividends and tickers to corporate actions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from adapters.market.blocks import Block
from adapters.market.compare import Compared
from adapters.market.days import eve_of
from adapters.market.instruments import EPOCH
from adapters.market.listings import changes
from adapters.market.side_facts import StatedAction
from adapters.market.splits import JudgedSplits, StatedSplits, exact_ratio, judge_splits
from interfaces.calendar import TradingCalendar
from schemas.base import to_micro
from schemas.facts import ActionKind, CorporateAction
from schemas.market import SuspectedSplit

Key = tuple[str, date]
ENDS = ("delisting", "cash_merger")
_ENDING = ("ticker_change", *ENDS)
_SAID = 20
_APART = 0.01  # closes are rounded to a cent, dividends to a tenth
_STRANGERS = "actions of symbols without prices were not recorded"
_DISAGREEING = "the adjusted close moves otherwise than by the stated splits and dividends"


@dataclass(frozen=True, slots=True)
class Statements:
    """What the rows of prices and a table of actions say, by instrument."""

    splits: StatedSplits
    dividends: Mapping[Key, float]
    scaled: frozenset[str]
    """Instruments whose prices are scaled to an adjusted close."""
    told: frozenset[str]
    """Those of whose dividends the source tells."""
    table: tuple[tuple[str, StatedAction], ...]
    judged: JudgedSplits
    strangers: tuple[str, ...]
    """Symbols of the table that have no prices."""


def gather(
    blocks: Sequence[Block],
    symbols: Sequence[str],
    compared: Compared,
    table: Sequence[StatedAction],
) -> Statements:
    """Bring together what is said, and hold the stated splits against the prices."""
    instruments = compared.instruments
    splits, dividends = StatedSplits(), dict[Key, float]()
    of = {
        flag: instruments.bearers(
            frozenset(
                symbols[code] for block in blocks if getattr(block, flag) for code in block.symbols
            )
        )
        for flag in ("tells_splits", "tells_dividends", "scaled")
    }
    splits.symbols.update(of["tells_splits"])
    for told in (block.told for block in blocks if block.told is not None):
        columns = (told.symbol, told.day, told.split, told.dividend)
        for code, number, split, dividend in zip(*(c.tolist() for c in columns), strict=True):
            instrument = instruments.at(symbols[int(code)], int(number))
            if instrument is None:  # none of its rows was sound
                continue
            key = (instrument, EPOCH + timedelta(days=number))
            if not math.isnan(split):
                splits.ratios.setdefault(key, split)
            if not math.isnan(dividend):
                dividends.setdefault(key, dividend)
    stated: list[tuple[str, StatedAction]] = []
    strangers: dict[str, None] = {}
    for each in table:
        # What ends a ticker names the one who had it until then.
        day = (each.ex_date - EPOCH).days - (each.kind in _ENDING)
        instrument = instruments.at(each.symbol, day)
        too_early = each.kind in ENDS and not instruments.begun(each.symbol, day)
        if instrument is None or too_early:  # who ended before the first bar is not the next one
            strangers[each.symbol] = None
            continue
        stated.append((instrument, each))
        if each.new_units and each.old_units and not each.withdrawn:
            ratio = float(each.new_units / each.old_units)
            splits.ratios.setdefault((instrument, each.ex_date), ratio)
    judged = judge_splits(compared.arrays, splits.ratios, compared.adjusted)
    return Statements(
        splits,
        dividends,
        frozenset(of["scaled"]),
        frozenset(of["tells_dividends"]),
        tuple(stated),
        judged,
        tuple(strangers),
    )


@dataclass(slots=True)
class ActionWriter:
    """Makes the actions of a data set, and says what was left out."""

    compared: Compared
    calendar: TradingCalendar
    now: datetime
    notes: list[str]
    _shown: set[Key] = field(default_factory=set[Key])
    _split_days: dict[str, list[date]] = field(default_factory=lambda: defaultdict(list))
    _column: dict[str, int] = field(default_factory=dict[str, int])
    _left_out: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _made: dict[tuple[str, str, date], list[CorporateAction]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def __post_init__(self) -> None:
        ids = self.compared.arrays.symbols
        self._column = {instrument: column for column, instrument in enumerate(ids)}

    def write(self, said: Statements, inferred: Iterable[SuspectedSplit]) -> list[CorporateAction]:
        """Return all actions: those of the table, of the rows, of changed tickers, and inferred."""
        self._state(said)
        for each in inferred:
            ratio = exact_ratio(each.ratio)
            self._split(each.symbol, each.session, ratio, inferred=True)
        for earlier, later in changes(self.compared.instruments):
            day = EPOCH + timedelta(days=later.begins or later.first)
            if not self._has(earlier.instrument, day, "ticker_change"):
                self._add(earlier.instrument, "ticker_change", day, new_symbol=later.symbol)
        disagreeing = cross_check(self.compared, said)
        if disagreeing:
            self._left_out[_DISAGREEING] = disagreeing
        if said.strangers:
            self._left_out[_STRANGERS] = list(said.strangers)
        for reason, those in self._left_out.items():
            more = f" and {len(those) - _SAID} more" if len(those) > _SAID else ""
            self.notes.append(f"{reason}: {', '.join(those[:_SAID])}{more}")
        self._note_splits(said.judged)
        return [action for actions in self._made.values() for action in actions]

    def _state(self, said: Statements) -> None:
        """Add what the table says, then what the rows say beyond it."""
        self._shown.update(said.judged.shown)
        for instrument, day in self._shown:
            self._split_days[instrument].append(day)
        for instrument, action in said.table:
            self._of_table(instrument, action, said)
        for (instrument, day), ratio in said.splits.ratios.items():
            told = self._has(instrument, day, "split", "stock_dividend")
            if (instrument, day) in self._shown and not told:
                self._split(instrument, day, exact_ratio(ratio))
        for (instrument, day), cash in said.dividends.items():
            if not self._has(instrument, day, "cash_dividend"):
                self._dividend(instrument, day, cash, said)

    def _note_splits(self, judged: JudgedSplits) -> None:
        what = {
            "a stated split is in the prices already and was not recorded": judged.adjusted,
            "whether the prices are adjusted for a stated split cannot be told, so it was not "
            "recorded": judged.open,
        }
        for sentence, keys in what.items():
            if keys:
                more = f" and {len(keys) - _SAID} more" if len(keys) > _SAID else ""
                those = ", ".join(f"{symbol} {day}" for symbol, day in keys[:_SAID])
                self.notes.append(f"{sentence}: {those}{more}")

    def _of_table(self, instrument: str, action: StatedAction, said: Statements) -> None:
        key = (instrument, action.ex_date)
        if (
            action.kind in ("split", "stock_dividend")
            and not action.withdrawn
            and key not in self._shown
        ):
            return
        if action.kind == "cash_dividend" and not self._fits(*key, float(action.cash or 0), said):
            return
        self._add(
            instrument,
            action.kind,  # type: ignore[arg-type]  # one of them, as was checked
            action.ex_date,
            new_units=action.new_units,
            old_units=action.old_units,
            cash=action.cash,
            pay_date=action.pay_date,
            new_symbol=action.new_symbol,
            known_time=action.known_time,
            action_id=action.action_id,
            withdrawn=action.withdrawn,
        )

    def _split(
        self, instrument: str, day: date, ratio: Fraction, *, inferred: bool = False
    ) -> None:
        units = {"new_units": Decimal(ratio.numerator), "old_units": Decimal(ratio.denominator)}
        self._add(instrument, "split", day, **units, inferred=inferred)

    def _dividend(self, instrument: str, day: date, cash: float, said: Statements) -> None:
        if self._fits(instrument, day, cash, said) and to_micro(cash) > 0:
            self._add(instrument, "cash_dividend", day, cash=to_micro(cash))

    def _fits(self, instrument: str, day: date, cash: float, said: Statements) -> bool:
        """Tell whether a dividend can be: below the price, and not in the prices already."""
        if instrument in said.scaled:
            why = "a dividend is in the adjusted closes already and was not recorded"
            self._left_out[why].append(f"{instrument} {day}")
            return False
        arrays = self.compared.arrays
        close = arrays.close[:, self._column[instrument]]
        row = int(arrays.sessions.searchsorted(np.datetime64(day, "D"))) - 1
        while row > 0 and np.isnan(close[row]):
            row -= 1
        # Paid on the units of the ex-date, of which splits since that close have made others.
        last = float(close[row]) if row >= 0 else math.inf
        since: date = arrays.sessions[max(0, row)].item()
        for on in self._split_days[instrument] if row >= 0 else ():
            if since < on <= day:
                last /= said.splits.ratios[instrument, on]
        if cash >= last:
            why = "a dividend is not below the close before it and was not recorded"
            self._left_out[why].append(f"{instrument} {day} {cash:g}")
            return False
        return True

    def _has(self, instrument: str, day: date, *kinds: str) -> bool:
        return any((instrument, kind, day) in self._made for kind in kinds)

    def _add(self, instrument: str, kind: ActionKind, day: date, **values: Any) -> None:
        known = values.pop("known_time", None) or eve_of(day, self.calendar)
        there = self._made[instrument, kind, day]
        number = 1 + sum(one.known_time == known for one in there)
        own = f"{instrument}:{kind}:{day}" + (f":{number}" if number > 1 else "")
        there.append(
            CorporateAction(
                action_id=values.pop("action_id", None) or own,
                instrument=instrument,
                kind=kind,
                ex_date=day,
                known_time=known,
                stored_time=self.now,
                provider="files",
                **values,
            )
        )


def cross_check(compared: Compared, said: Statements) -> list[str]:
    """Return where the source's adjusted closes move otherwise than by what it states."""
    if compared.adjusted is None:
        return []
    arrays, shown = compared.arrays, set(said.judged.shown)
    splits, cash = (np.full(arrays.close.shape, fill) for fill in (1.0, 0.0))
    column_of = {instrument: column for column, instrument in enumerate(arrays.symbols)}
    for grid, stated in ((splits, said.splits.ratios), (cash, said.dividends)):
        for (instrument, day), value in stated.items():
            row = int(arrays.sessions.searchsorted(np.datetime64(day, "D")))
            if row < len(grid) and (grid is cash or (instrument, day) in shown):
                grid[row, column_of[instrument]] = value
    found: list[str] = []
    for instrument, column in column_of.items():
        rows = np.flatnonzero(~np.isnan(compared.adjusted[:, column] + arrays.close[:, column]))
        close = arrays.close[rows, column]
        scale = compared.adjusted[rows, column] / close
        if len(rows) < 2 or not np.ptp(scale) > 0:  # it adjusts for nothing
            continue
        split, paid = splits[rows, column][1:], cash[rows, column][1:]
        stated = (1 - paid * split / close[:-1]) / split
        odd = np.flatnonzero(np.abs(scale[:-1] / scale[1:] / stated - 1) > _APART)
        if len(odd):
            count = "1 day" if len(odd) == 1 else f"{len(odd)} days"
            day = arrays.sessions[rows[odd[0] + 1]]
            found.append(f"{instrument} on {count}, first {day}")
    return found
