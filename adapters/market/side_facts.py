"""What the rows of side tables say, as facts; rows that cannot be understood are quarantined."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from adapters.market.days import eve_of, read_day, read_moment
from adapters.market.instruments import EPOCH, Instruments, StatedListing
from adapters.market.numbers import parts_of_ratio
from adapters.market.screen import RowScreen, symbol_of
from adapters.market.side_tables import Line, read_lines
from schemas.base import to_micro
from schemas.documents import DocumentKind
from schemas.facts import Fundamental, MacroValue, Membership, StoredDocument

_KINDS = {
    "split": ("split", "forwardsplit", "reversesplit", "stocksplit"),
    "stock_dividend": ("stockdividend", "bonus", "bonusissue"),
    "cash_dividend": ("cashdividend", "dividend", "specialdividend", "distribution"),
    "ticker_change": ("tickerchange", "symbolchange", "rename", "namechange"),
    "delisting": ("delisting", "delisted", "delist"),
    "cash_merger": ("cashmerger", "merger", "acquisition", "buyout"),
}
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names}
_UNIVERSE = re.compile(r"[a-z0-9-]{1,40}")


class _Refused(Exception):
    """A row cannot be used; the words say why."""


@dataclass(frozen=True, slots=True)
class StatedAction:
    """One row of a table of actions, its ticker being that of the day before."""

    line: int
    source: str
    symbol: str
    kind: str
    ex_date: date
    new_units: Decimal | None
    old_units: Decimal | None
    cash: Decimal | None
    pay_date: date | None
    new_symbol: str | None
    known_time: datetime | None
    action_id: str | None
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class SideTables:
    """Reads the side tables of one import; what they refuse goes to the screen's quarantine."""

    paths: Mapping[str, Path]
    screen: RowScreen
    now: datetime
    macro_lag_days: int | None = None

    def listings(self) -> list[StatedListing]:
        """Return who bore which ticker, so far as a table says so."""
        return list(self._rows("listings", self._listing, _label))

    def actions(self) -> list[StatedAction]:
        """Return the stated corporate actions."""
        return list(self._rows("actions", self._action, _label))

    def members(self, instruments: Instruments) -> list[Membership]:
        """Return stays in universes; an end is a record of its own, known from then on."""

        def read(line: Line) -> list[Membership]:
            return self._membership(line, instruments)

        stays = self._rows("members", read, _label)
        return [each for stay in stays for each in stay]

    def macro(self) -> list[MacroValue]:
        """Return values of macro series; without a vintage only with `macro_lag_days`."""
        return list(self._rows("macro", self._macro_value, lambda line: line["series"]))

    def fundamentals(self, instruments: Instruments) -> list[Fundamental]:
        """Return reported figures of companies with prices."""

        def read(line: Line) -> Fundamental:
            return self._fundamental(line, instruments)

        return list(self._rows("fundamentals", read, _label))

    def documents(self) -> list[StoredDocument]:
        """Return texts; those that say no full moment have no `published_at`."""
        return list(self._rows("documents", self._document, lambda line: line["document_id"]))

    def _rows(
        self, kind: str, read: Callable[[Line], Any], label: Callable[[Line], str]
    ) -> Iterator[Any]:
        if kind not in self.paths:
            return
        path, seen = self.paths[kind], set[Any]()
        for line in read_lines(path, kind):
            self.screen.read += 1
            cells = tuple(sorted(line.cells.items()))
            repeated = "row repeats an earlier one" if cells in seen else ""
            seen.add(cells)
            try:
                found = _unless(line.broken or repeated, read, line)
            except _Refused as refusal:
                where = line["ex_date"] or line["period"] or line["period_end"] or line["enters"]
                self.screen.quarantine.add(
                    path.name, line.number, (label(line), where), f"{kind}: {refusal}"
                )
            except ValidationError as error:
                what = ".".join(map(str, error.errors()[0]["loc"])) or error.errors()[0]["msg"]
                self.screen.quarantine.add(
                    path.name, line.number, (label(line), ""), f"{kind}: {what} is not acceptable"
                )
            else:
                yield found

    def _listing(self, line: Line) -> StatedListing:
        symbol = _symbol(line["symbol"])
        first = self._day(line, "first") if line["first"] else EPOCH
        last = self._day(line, "last") if line["last"] else None
        if last is not None and last < first:
            raise _Refused("last lies before first")
        who = line["instrument"] or f"line {line.number}"
        days = (first - EPOCH).days, None if last is None else (last - EPOCH).days
        return StatedListing(symbol, who, *days, line["name"][:200] or None)

    def _action(self, line: Line) -> StatedAction:
        name = "".join(filter(str.isalnum, line["kind"].lower()))
        kind = _KIND_OF.get(name)
        if kind is None:
            raise _Refused("kind is none of " + ", ".join(_KINDS))
        new, old = _ratio(line, kind)
        cash = _number(line, "cash") if line["cash"] else None
        wants = {"cash_dividend": True, "cash_merger": True, "delisting": None}.get(kind, False)
        if wants and cash is None:
            raise _Refused("cash is missing")
        if cash is not None and (cash < 0 or (kind == "cash_dividend" and cash == 0)):
            raise _Refused("cash is not above zero")
        paid = kind == "cash_dividend" and line["pay_date"]
        return StatedAction(
            line=line.number,
            source=self.paths["actions"].name,
            symbol=_symbol(line["symbol"]),
            kind=kind,
            ex_date=self._day(line, "ex_date"),
            new_units=new,
            old_units=old,
            cash=None if wants is False else cash,
            pay_date=self._day(line, "pay_date") if paid else None,
            new_symbol=_symbol(line["new_symbol"]) if kind == "ticker_change" else None,
            known_time=_moment(line),
            action_id=line["action_id"][:80] or None,
            withdrawn=line["withdrawn"].lower() in ("1", "true", "yes", "y"),
        )

    def _membership(self, line: Line, instruments: Instruments) -> list[Membership]:
        calendar = self.screen.calendar
        universe = line["universe"].lower() or self.paths["members"].stem.lower()
        if not _UNIVERSE.fullmatch(universe):
            raise _Refused("universe is missing or no name of a-z, 0-9 and '-'")
        symbol, enters = _symbol(line["symbol"]), self._day(line, "enters")
        leaves = self._day(line, "leaves") if line["leaves"] else None
        if leaves is not None and leaves <= enters:
            raise _Refused("leaves does not lie after enters")
        known = _moment(line) or eve_of(enters, calendar)
        stay = Membership(
            universe=universe,
            instrument=instruments.at(symbol, (enters - EPOCH).days) or symbol,
            enters=enters,
            known_time=known,
            stored_time=self.now,
            provider="files",
        )
        if leaves is None:
            return [stay]
        ended = {"leaves": leaves, "known_time": max(known, eve_of(leaves, calendar))}
        return [stay, stay.model_copy(update=ended)]

    def _macro_value(self, line: Line) -> MacroValue:
        period, known = self._day(line, "period"), _moment(line)
        if known is None:
            if self.macro_lag_days is None:
                raise _Refused("known_time is missing: without it nobody knows when it was known")
            published = period + timedelta(days=self.macro_lag_days)
            known = datetime.combine(published, time(0), UTC)
        missing = line["value"].lower() in ("", ".", "nan", "null", "na", "n/a")
        return MacroValue(
            series=line["series"].upper(),
            period=period,
            value=None if missing else float(_number(line, "value")),
            known_time=known,
            stored_time=self.now,
            provider="files",
        )

    def _fundamental(self, line: Line, instruments: Instruments) -> Fundamental:
        symbol, known = _symbol(line["symbol"]), _moment(line)
        if known is None:
            raise _Refused("known_time is missing: without it nobody knows when it was known")
        # Reported under the ticker of the day it was published.
        instrument = instruments.at(symbol, (known.date() - EPOCH).days)
        if instrument is None:
            raise _Refused("symbol has no prices")
        return Fundamental(
            instrument=instrument,
            field=re.sub(r"[^a-z0-9]+", "_", line["field"].lower()).strip("_"),
            period_end=self._day(line, "period_end"),
            value=float(_number(line, "value")),
            unit=line["unit"],
            known_time=known,
            stored_time=self.now,
            provider="files",
        )

    def _document(self, line: Line) -> StoredDocument:
        moment = read_moment(line["published_at"])
        # A day alone is no moment: such a text could be of the evening.
        dated = isinstance(moment, datetime) and len(line["published_at"]) > len("2020-01-02")
        published = moment if dated and isinstance(moment, datetime) else None
        if not line["title"]:
            raise _Refused("title is missing")
        kind: DocumentKind = "news" if line["kind"].lower() in ("", "news") else "document"
        found = (symbol_of(word) for word in re.split(r"[\s,;|]+", line["symbols"]))
        return StoredDocument(
            document_id=line["document_id"] or f"{self.paths['documents'].name}:{line.number}",
            kind=kind,
            title=line["title"][:500],
            text=line["text"],
            published_at=published,
            symbols=tuple(dict.fromkeys(filter(None, found))),
            source=line["source"][:200] or None,
            known_time=published or self.now,
            stored_time=self.now,
            provider="files",
        )

    def _day(self, line: Line, name: str) -> date:
        read = read_day(line[name], self.screen.calendar.zone)
        if read.day is None:
            raise _Refused(read.reason.replace("date", name, 1))
        return read.day


def _unless(wrong: str, read: Callable[[Line], Any], line: Line) -> Any:
    if wrong:
        raise _Refused(wrong)
    return read(line)


def _label(line: Line) -> str:
    return line["symbol"]


def _symbol(text: str) -> str:
    symbol = symbol_of(text)
    if symbol is None:
        raise _Refused("symbol is missing or no ticker")
    return symbol


def _moment(line: Line) -> datetime | None:
    if not line["known_time"]:
        return None
    moment = read_moment(line["known_time"])
    if isinstance(moment, str):
        raise _Refused(f"known_time {moment}")
    return moment


def _number(line: Line, name: str) -> Decimal:
    text = line[name]
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _Refused(f"{name} is not a number" if text else f"{name} is missing") from None
    if not value.is_finite() or abs(value) > 10**15:
        raise _Refused(f"{name} is not a number")
    return value if name == "value" else to_micro(value)


def _ratio(line: Line, kind: str) -> tuple[Decimal | None, Decimal | None]:
    """Read new and old units: `15:1`, `15`, or two columns."""
    if kind not in ("split", "stock_dividend"):
        return None, None
    if line["new_units"] and line["old_units"]:
        new, old = _number(line, "new_units"), _number(line, "old_units")
    else:
        parts = parts_of_ratio(line["ratio"])
        new, old = map(Decimal, parts) if parts else (_number(line, "ratio"), Decimal(1))
    if new <= 0 or old <= 0:
        raise _Refused("ratio is not above zero")
    if kind == "stock_dividend" and new <= old:
        raise _Refused("ratio of a stock dividend is not above 1: units after it for one before")
    return new, old


def ordered(rows: Iterable[Any]) -> list[Any]:
    """Return facts by the time they became known, the order of those of one time kept."""
    return sorted(rows, key=lambda row: row.known_time)
