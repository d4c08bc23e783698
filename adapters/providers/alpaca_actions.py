"""Alpaca's corporate actions as ours.

The vendor gives no date of announcement. `process_date` is when it books an action: for dividends
that is the day they are paid, weeks after the ex-date; for what has no ex-date it is the day.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from pydantic import ValidationError

from adapters.providers.dating import action_id, announced, end_of_day
from schemas.base import MILLIONTH, to_micro
from schemas.errors import UntrustworthyData
from schemas.facts import ActionKind, CorporateAction

log = logging.getLogger(__name__)

Rows = Mapping[str, list[dict[str, Any]]]
NOT_MODELLED = {
    "unit_splits": "a unit becomes several instruments",
    "spin_offs": "holders receive another instrument",
    "stock_mergers": "holders receive another instrument",
    "stock_and_cash_mergers": "holders receive another instrument",
    "rights_distributions": "holders receive another instrument",
}
"""What no kind of `CorporateAction` can say, and why; it is left out, and the log says so."""
_TOO_MUCH = 1_000_000


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and how to say that the answer is none."""

    symbol: str
    start: date
    end: date
    stored: datetime
    distrust: Callable[[str], UntrustworthyData]


@dataclass(frozen=True, slots=True)
class _Draft:
    """An action that has no number yet; `rank` orders those of one kind and day."""

    instrument: str
    kind: ActionKind
    ex_date: date
    known: datetime
    terms: Mapping[str, Any] = field(default_factory=dict[str, Any])
    rank: tuple[bool, str] = (False, "")


def read_actions(answer: Rows, asked: Question) -> list[CorporateAction]:
    """Return the actions with an ex-date in the days asked for, in order of that date.

    A name change is one of the instrument that bore the old ticker, whichever was asked about.
    """
    drafts: list[_Draft] = []
    for group, rows in sorted(answer.items()):
        seen: set[str] = set()
        for row in rows:
            _about(row, asked)
            if (mark := str(row.get("id") or "")) and mark in seen:
                continue  # a page may repeat the last rows of the one before
            seen.add(mark)
            drafts += _read(group, row, asked)
    drafts.sort(key=lambda each: (each.ex_date, each.kind, each.instrument, each.rank))
    return list(_numbered(drafts, asked))


def _numbered(drafts: list[_Draft], asked: Question) -> Iterator[CorporateAction]:
    counts: dict[tuple[str, str, date], int] = {}
    for draft in drafts:
        if not asked.start <= draft.ex_date <= asked.end:
            continue
        key = (draft.instrument, draft.kind, draft.ex_date)
        counts[key] = counts.get(key, 0) + 1
        yield _made(draft, counts[key], asked)


def _made(draft: _Draft, number: int, asked: Question) -> CorporateAction:
    why = ""
    try:
        return CorporateAction(
            known_time=draft.known,
            stored_time=asked.stored,
            provider="alpaca",
            action_id=action_id(draft.instrument, draft.kind, draft.ex_date, number),
            instrument=draft.instrument,
            kind=draft.kind,
            ex_date=draft.ex_date,
            **draft.terms,
        )
    except ValidationError as error:
        why = str(error.errors(include_url=False)[0]["msg"])
    raise asked.distrust(f"sends a {draft.kind} that cannot be: {why}")


def _about(row: Mapping[str, Any], asked: Question) -> None:
    """Refuse a row that names the symbol nowhere."""
    named = [value for name, value in row.items() if name.endswith("symbol")]
    if asked.symbol not in named:
        who = named[0] if named else "nobody"
        raise asked.distrust(f"answers about {who} when asked about {asked.symbol}")


def _read(group: str, row: Mapping[str, Any], asked: Question) -> list[_Draft]:
    reader = _READERS.get(group)
    if reader is not None:
        return reader(row, asked)
    reason = NOT_MODELLED.get(group, "it is unknown here")
    log.warning("alpaca: one of %s about %s is left out: %s", group[:40], asked.symbol, reason)
    return []


def _split(row: Mapping[str, Any], asked: Question) -> list[_Draft]:
    new, old = _number(row, "new_rate", asked), _number(row, "old_rate", asked)
    if new == old:
        return []
    return [_dated(row, asked, "split", _ratio(new, old))]


def _stock_dividend(row: Mapping[str, Any], asked: Question) -> list[_Draft]:
    """Read shares paid on each share held: 0.05 makes 1.05 of 1."""
    rate = _number(row, "rate", asked)
    return [_dated(row, asked, "stock_dividend", _ratio(1 + rate, Decimal(1)))]


def _cash_dividend(row: Mapping[str, Any], asked: Question) -> list[_Draft]:
    cash = _number(row, "rate", asked, zero=True)
    if to_micro(cash) == 0:
        return []
    rank = (row.get("special") is True, f"{cash:030.9f}")
    paid = _day(row, "payable_date", asked) if row.get("payable_date") else None
    terms = {"cash": to_micro(cash), "pay_date": paid}
    return [replace(_dated(row, asked, "cash_dividend", terms), rank=rank)]


def _name_change(row: Mapping[str, Any], asked: Question) -> list[_Draft]:
    old, new = row.get("old_symbol"), row.get("new_symbol")
    if old == new:
        return []  # another CUSIP under the same ticker
    if not isinstance(old, str):
        raise asked.distrust("sends a name change without an old name")
    day = _day(row, "process_date", asked)
    terms = {"new_symbol": new}
    return [_Draft(old, "ticker_change", day, announced(day, None), terms)]


def _cash_merger(row: Mapping[str, Any], asked: Question) -> list[_Draft]:
    if row.get("acquiree_symbol") != asked.symbol:
        return []  # nothing happens to what holders of the buyer have
    day = _day(row, "effective_date", asked)
    cash = to_micro(_number(row, "rate", asked))
    known = announced(day, _day(row, "process_date", asked))
    return [_Draft(asked.symbol, "cash_merger", day, known, {"cash": cash})]


def _redemption(row: Mapping[str, Any], asked: Question) -> list[_Draft]:
    return [_ended(row, asked, to_micro(_number(row, "rate", asked, zero=True)))]


def _worthless(row: Mapping[str, Any], asked: Question) -> list[_Draft]:
    return [_ended(row, asked, Decimal(0))]


def _ended(row: Mapping[str, Any], asked: Question, cash: Decimal) -> _Draft:
    """Return a delisting on the day it was booked, known when that day was over."""
    day = _day(row, "process_date", asked)
    return _Draft(asked.symbol, "delisting", day, end_of_day(day), {"cash": cash})


_READERS: Mapping[str, Callable[[Mapping[str, Any], Question], list[_Draft]]] = {
    "forward_splits": _split,
    "reverse_splits": _split,
    "stock_dividends": _stock_dividend,
    "cash_dividends": _cash_dividend,
    "name_changes": _name_change,
    "cash_mergers": _cash_merger,
    "redemptions": _redemption,
    "worthless_removals": _worthless,
}


def _dated(
    row: Mapping[str, Any],
    asked: Question,
    kind: ActionKind,
    terms: Mapping[str, Any],
) -> _Draft:
    """Return an action with an ex-date. What was booked before that date was known by then."""
    day = _day(row, "ex_date", asked)
    known = announced(day, _day(row, "process_date", asked))
    return _Draft(asked.symbol, kind, day, known, terms)


def _ratio(new: Decimal, old: Decimal) -> dict[str, Any]:
    """Return the ratio as it is written, or in whole numbers where millionths do not do."""
    if all(part == part.quantize(MILLIONTH) for part in (new, old)):
        return {"new_units": new, "old_units": old}
    exact = Fraction(new) / Fraction(old)
    return {"new_units": Decimal(exact.numerator), "old_units": Decimal(exact.denominator)}


def _number(row: Mapping[str, Any], name: str, asked: Question, *, zero: bool = False) -> Decimal:
    value = row.get(name)
    sound = isinstance(value, int | Decimal) and not isinstance(value, bool)
    number = Decimal(value) if sound and value is not None else Decimal(-1)
    if not (number > 0 or (zero and number == 0)) or number >= _TOO_MUCH:
        raise asked.distrust(f"sends a {name} that cannot be: {value}")
    return number


def _day(row: Mapping[str, Any], name: str, asked: Question) -> date:
    value = row.get(name)
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        pass
    raise asked.distrust(f"sends a {name} that is none: {value}")
