"""What is known beside the prices of the canaries' market: some of it before, the rest poison."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa

from adapters.market.facts import SCHEMAS, Facts, table_of
from interfaces.calendar import TradingCalendar
from interfaces.canaries import LATER_PRICE, LATER_WORD, RESTATED, TOLD_WORD, Future
from schemas.documents import DocumentKind
from schemas.facts import (
    CorporateAction,
    Fact,
    Listing,
    MacroValue,
    Membership,
    StoredDocument,
)

LISTED, RECENT, UNLISTED, UNKNOWN = "ZZLIST", "ZZRECT", "ZZSOON", "ZZNONE"
TAKEN, FORMER_NAME, TAKER = "ZZTAKE", "ZZTAKE.1", "ZZTAKE.2"
CONTESTED, DISPLACED, RIVAL = "ZZHELD", "ZZHELD.1", "ZZHELD.2"
RENAMED = "ZZSOONR"
"""What `RECENT` is called later."""
COMING = (UNLISTED, RENAMED, DISPLACED)
UNIVERSE, SERIES = "canaries", "ZZRATE"

BEFORE = 60
"""How many sessions lie before the one under decision."""
FORMER_ENDS, TAKEN_ON = 30, 40
SPLIT_ON, PAID_ON = 20, 35
MISSING = BEFORE - 2
"""Of `CONTESTED`: the bar that is published only later."""
FORMER_UNITS = 2.0
"""New units for an old one of `LISTED`: what was traded before the split cost as much more."""

RESTATED_CLOSE, RELEASED, ANNOUNCED = 103.37, 2.71, Decimal("0.75")
_KINDS: tuple[DocumentKind, ...] = ("news", "document")
_LATE = float(RESTATED)
_POISON = Decimal(RESTATED) + Decimal("0.25")


@dataclass(frozen=True, slots=True)
class Timetable:
    """The sessions of the made-up market, and the moments at which something becomes known."""

    calendar: TradingCalendar
    sessions: tuple[date, ...]

    def opens(self, row: int) -> datetime:
        """Return the open of a session."""
        return self.calendar.opens_at(self.sessions[row])

    def known(self, row: int) -> dict[str, Any]:
        """Return the provenance of what was published at the open of a session."""
        return self.at(self.opens(row))

    @staticmethod
    def at(moment: datetime) -> dict[str, Any]:
        """Return the provenance of what was published at a moment."""
        return {"known_time": moment, "stored_time": moment, "provider": "canaries"}


def facts_of(times: Timetable, future: Future) -> Facts:
    """Return what is known before the session, and what becomes known in that future."""
    makers = (_Past(times), _Poison(times) if future == "poisoned" else _Harmless(times))
    kinds = ("actions", "listings", "members", "macro", "documents")
    tables = {
        kind: table_of(kind, [row for maker in makers for row in getattr(maker, kind)()])
        for kind in kinds
    }
    bars = [row for maker in makers for row in maker.bars()]
    return Facts({**tables, "bars": pa.Table.from_pylist(bars, schema=SCHEMAS["bars"])})


@dataclass(frozen=True, slots=True)
class _Nothing:
    """A book without records; the others say what theirs hold."""

    times: Timetable

    def actions(self) -> Iterator[Fact]:
        yield from ()

    def listings(self) -> Iterator[Fact]:
        yield from ()

    def members(self) -> Iterator[Fact]:
        yield from ()

    def macro(self) -> Iterator[Fact]:
        yield from ()

    def documents(self) -> Iterator[Fact]:
        yield from ()

    def bars(self) -> Iterator[dict[str, Any]]:
        yield from ()

    def _day(self, row: int) -> date:
        return self.times.sessions[row]

    def _action(self, row: int, instrument: str, kind: Any, **values: Any) -> CorporateAction:
        ex_date = self._day(row)
        values.setdefault("action_id", f"{instrument}:{kind}:{ex_date}")
        return CorporateAction(instrument=instrument, kind=kind, ex_date=ex_date, **values)

    def _listing(self, row: int, instrument: str, symbol: str, known: int) -> Listing:
        return Listing(
            instrument=instrument,
            symbol=symbol,
            first_session=self._day(row),
            **self.times.known(known),
        )

    def _bar(self, row: int, instrument: str, price: float, known: datetime) -> dict[str, Any]:
        prices = dict.fromkeys(("open", "high", "low", "close", "volume"), price)
        session = self._day(row)
        return {"instrument": instrument, "session": session, **prices, **self.times.at(known)}

    def _value(self, row: int, series: str, value: float, known: datetime) -> MacroValue:
        at = self.times.at(known)
        return MacroValue(series=series, period=self._day(row), value=value, **at)

    def _stay(self, row: int, instrument: str, known: datetime, **values: Any) -> Membership:
        values = {"universe": UNIVERSE, **values, **self.times.at(known)}
        return Membership(instrument=instrument, enters=self._day(row), **values)

    def _texts(
        self, name: str, word: str, published: datetime | None, known: datetime
    ) -> Iterator[StoredDocument]:
        """Yield the text once of each kind; an earlier one of the same name is its version."""
        for kind in _KINDS:
            yield StoredDocument(
                document_id=f"{name}-{kind}",
                kind=kind,
                title=f"A merger {word}",
                text=f"The merger of {LISTED} was announced. {word}",
                published_at=published,
                symbols=(LISTED,),
                **self.times.at(known),
            )


class _Past(_Nothing):
    """What is known before the session under decision, the same in both futures."""

    def actions(self) -> Iterator[Fact]:
        known = self.times.known
        yield self._action(
            SPLIT_ON, LISTED, "split", new_units=FORMER_UNITS, old_units=1, **known(SPLIT_ON - 2)
        )
        yield self._action(PAID_ON, LISTED, "cash_dividend", cash="0.50", **known(PAID_ON - 2))
        yield self._action(BEFORE + 3, LISTED, "cash_dividend", cash=ANNOUNCED, **known(BEFORE - 2))

    def listings(self) -> Iterator[Fact]:
        yield self._listing(0, TAKEN, TAKEN, 0)
        yield self._listing(TAKEN_ON, TAKER, TAKEN, TAKEN_ON - 1)

    def bars(self) -> Iterator[dict[str, Any]]:
        yield self._bar(BEFORE - 6, LISTED, RESTATED_CLOSE, self.times.opens(BEFORE - 4))

    def members(self) -> Iterator[Fact]:
        opens = self.times.opens
        yield self._stay(0, LISTED, opens(0))
        yield self._stay(BEFORE + 1, RECENT, opens(BEFORE - 5))

    def macro(self) -> Iterator[Fact]:
        opens = self.times.opens
        for row, value in ((5, 1.5), (25, 1.75), (45, 2.25)):
            yield self._value(row, SERIES, value, opens(row + 2))
        yield self._value(45, SERIES, RELEASED, opens(50))

    def documents(self) -> Iterator[Fact]:
        yesterday = self.times.opens(BEFORE - 1)
        yield from self._texts("told", TOLD_WORD, yesterday, yesterday)
        yield from self._texts("updated", TOLD_WORD, yesterday, yesterday)


class _Poison(_Nothing):
    """What becomes known at the very open of the session or later, of before it and of after."""

    def actions(self) -> Iterator[Fact]:
        known = self.times.known
        split = {"new_units": 3, "old_units": 1}
        yield self._action(BEFORE + 1, CONTESTED, "split", **split, **known(BEFORE))
        yield self._action(BEFORE - 5, RECENT, "split", **split, **known(BEFORE), inferred=True)
        yield self._action(BEFORE + 2, LISTED, "cash_dividend", cash=_POISON, **known(BEFORE + 1))
        yield self._action(  # the one that was announced is called off
            BEFORE + 3,
            LISTED,
            "cash_dividend",
            cash=ANNOUNCED,
            withdrawn=True,
            **known(BEFORE),
        )
        yield self._action(BEFORE + 3, RECENT, "ticker_change", new_symbol=RENAMED, **known(BEFORE))

    def listings(self) -> Iterator[Fact]:
        yield self._listing(BEFORE + 2, RIVAL, CONTESTED, BEFORE)

    def bars(self) -> Iterator[dict[str, Any]]:
        now, later = self.times.opens(BEFORE), self.times.opens(BEFORE + 1)
        yield self._bar(BEFORE - 1, LISTED, _LATE + 0.25, now)
        yield self._bar(BEFORE - 3, LISTED, _LATE + 0.5, later)
        yield self._bar(BEFORE - 6, LISTED, _LATE + 0.75, now)
        yield self._bar(MISSING, CONTESTED, _LATE + 0.25, now)

    def members(self) -> Iterator[Fact]:
        now = self.times.opens(BEFORE)
        yield self._stay(0, LISTED, now, leaves=self._day(BEFORE - 1))
        yield self._stay(BEFORE, CONTESTED, now)
        yield self._stay(0, LISTED, now, universe=UNLISTED.lower())

    def macro(self) -> Iterator[Fact]:
        now = self.times.opens(BEFORE)
        yield self._value(45, SERIES, _LATE + 0.25, now)
        yield self._value(55, SERIES, float(LATER_PRICE) + 0.25, now)
        yield self._value(5, UNLISTED, float(LATER_PRICE) + 0.5, now)

    def documents(self) -> Iterator[Fact]:
        early, now = self.times.opens(BEFORE - 1), self.times.opens(BEFORE)
        day = timedelta(days=1)
        for name, published, known in (
            ("undated", None, early),  # "3 days ago" is no date either: a data set keeps none
            ("now", now, early),
            ("ahead", now + day, early),
            ("late", early, now),
            ("updated", early, now),
        ):
            yield from self._texts(name, LATER_WORD, published, known)


class _Harmless(_Nothing):
    """The same names come up, later still and for other reasons; nothing else becomes known."""

    def actions(self) -> Iterator[Fact]:
        known = self.times.known(BEFORE + 3)
        yield self._action(BEFORE + 4, RECENT, "ticker_change", new_symbol=RENAMED, **known)

    def listings(self) -> Iterator[Fact]:
        yield self._listing(BEFORE + 4, RIVAL, CONTESTED, BEFORE + 3)
