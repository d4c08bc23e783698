"""FRED of the Federal Reserve Bank of St. Louis, with the vintages of ALFRED.

A value is asked for in every vintage it had, so that a view of the past sees what was published by
then and not what it was revised to. FRED gives the date of a vintage and no time of day.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from adapters.providers.dating import EASTERN, end_of_day
from adapters.providers.http import Access, Complaint, JsonClient
from adapters.providers.offers import not_offered
from adapters.providers.pace import Pace
from interfaces.providers import Quota, RawBars
from schemas.downloads import FactKind
from schemas.errors import BadConfiguration, NotFound
from schemas.facts import CorporateAction, MacroValue, StoredDocument

_MOST_VALUES = 100_000  # in one answer
_MOST_DATES = 10_000  # in one answer of vintage dates
_MOST_VINTAGES = 2_000  # in the period of one question, says FRED's error message
_FIRST_DAY, _LAST_DAY = "1776-07-04", "9999-12-31"  # "all of it", in FRED's words
_MISSING = "."


@dataclass(frozen=True, slots=True)
class _Value:
    period: date
    since: date
    value: float | None


class _NoVintages(NotFound):
    """FRED has the series and ALFRED has not."""


class Fred:
    """Implement `DataProvider` for macro series."""

    name = "fred"
    offers: frozenset[FactKind] = frozenset({"macro"})

    def __init__(self, access: Access, pace: Pace) -> None:
        self._client = JsonClient(access, pace, complain=_complain)

    def macro(self, series: str, start: date, end: date) -> Iterator[MacroValue]:
        """Yield every vintage of every value of `start..end`, the oldest vintages first.

        A value is known from the end of its vintage's day in New York. What was published before
        the first archived vintage is known from that one on; a series without vintages from today
        on: when it was really known nobody has written down, and a guess would be look-ahead.
        """
        latest: dict[date, float | None] = {}
        for window in self._windows(series):
            params = {
                "series_id": series,
                "observation_start": start.isoformat(),
                "observation_end": end.isoformat(),
                "sort_order": "asc",
                **window,
            }
            rows = [self._value(row, start, end) for row in self._all(params)]
            for row in sorted(rows, key=lambda row: (row.since, row.period)):
                # At the start of a window every value in force comes again, dated as if new.
                if row.period in latest and latest[row.period] == row.value:
                    continue
                latest[row.period] = row.value
                yield MacroValue(
                    known_time=end_of_day(row.since),
                    stored_time=self._client.now(),
                    provider=self.name,
                    series=series,
                    period=row.period,
                    value=row.value,
                )

    def bars(self, symbol: str, start: date, end: date) -> Iterator[RawBars]:  # noqa: ARG002 - the port's signature
        """Refuse: FRED has no prices of instruments."""
        raise not_offered(self.name, "bars")

    def actions(self, symbol: str, start: date, end: date) -> Iterator[CorporateAction]:  # noqa: ARG002 - the port's signature
        """Refuse: FRED has no corporate actions."""
        raise not_offered(self.name, "actions")

    def news(self, symbol: str, start: date, end: date) -> Iterator[StoredDocument]:  # noqa: ARG002 - the port's signature
        """Refuse: FRED has no news."""
        raise not_offered(self.name, "news")

    def quota(self) -> Quota:
        """Tell the vendor's limit a minute."""
        return self._client.pace.quota()

    def _windows(self, series: str) -> list[dict[str, str]]:
        """Cut the series' vintages into periods that may be asked for, oldest first."""
        try:
            days = self._vintages(series)
        except _NoVintages:
            days = []
        if not days:
            return [{}]
        starts = days[::_MOST_VINTAGES]
        ends = [(day - timedelta(days=1)).isoformat() for day in starts[1:]] + [_LAST_DAY]
        return [
            {"realtime_start": first.isoformat(), "realtime_end": last}
            for first, last in zip(starts, ends, strict=True)
        ]

    def _vintages(self, series: str) -> list[date]:
        days: list[date] = []
        while True:
            answer = self._client.get(
                "fred/series/vintagedates",
                {
                    "series_id": series,
                    "realtime_start": _FIRST_DAY,
                    "realtime_end": _LAST_DAY,
                    "file_type": "json",
                    "limit": str(_MOST_DATES),
                    "offset": str(len(days)),
                },
            )
            page, count = answer.get("vintage_dates"), answer.get("count")
            if not isinstance(page, list) or not isinstance(count, int):
                raise self._client.distrust("sends no list of vintages")
            days += [self._day(text) for text in page]
            if len(days) >= count:
                return sorted(days)
            if not page:
                raise self._client.distrust("promises more vintages than it sends")

    def _all(self, params: Mapping[str, str]) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        while True:
            answer = self._client.get(
                "fred/series/observations",
                {
                    **params,
                    "file_type": "json",
                    "limit": str(_MOST_VALUES),
                    "offset": str(len(rows)),
                },
            )
            page, count = answer.get("observations"), answer.get("count")
            if not isinstance(page, list) or not isinstance(count, int):
                raise self._client.distrust("sends no list of observations")
            if answer.get("offset", len(rows)) != len(rows):
                raise self._client.distrust("sends another page than was asked for")
            if not all(isinstance(row, dict) for row in page):
                raise self._client.distrust("sends an observation that is none")
            rows += page
            if len(rows) >= count:
                return rows
            if not page:
                raise self._client.distrust("promises more values than it sends")

    def _value(self, row: Mapping[str, Any], start: date, end: date) -> _Value:
        period, since = self._day(row.get("date")), self._day(row.get("realtime_start"))
        if not start <= period <= end:
            raise self._client.distrust(f"sends a value of {period} that was not asked for")
        # A day of grace: its day may begin before ours.
        if since > self._client.now().astimezone(EASTERN).date() + timedelta(days=1):
            raise self._client.distrust(f"sends a vintage of {since}, which is yet to come")
        text = row.get("value")
        return _Value(period, since, None if text == _MISSING else self._number(text))

    def _number(self, text: object) -> float:
        number = math.nan
        if not isinstance(text, bool):
            with suppress(ValueError):
                number = float(str(text))
        if not math.isfinite(number):
            raise self._client.distrust(f"sends a value that is no number: {text}")
        return number

    def _day(self, text: object) -> date:
        day = None
        with suppress(ValueError):
            day = date.fromisoformat(str(text))
        if day is None:
            raise self._client.distrust(f"sends a date that is none: {text}")
        return day


def _complain(_status: int, document: Mapping[str, Any]) -> Complaint | None:
    text = document.get("error_message")
    if not isinstance(text, str):
        return None
    said, lower = f"says: {text}", text.lower()
    if "api_key" in lower:
        return Complaint(BadConfiguration, f"refuses the key in FRED_API_KEY; it {said}")
    if "does not exist in alfred" in lower:
        return Complaint(_NoVintages, said)
    if "does not exist" in lower:
        return Complaint(NotFound, said)
    return None
