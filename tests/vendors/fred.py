"""FRED's protocol as documented, with real-time periods cut to what is asked as ALFRED does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise

from tests.vendors.stub import Answer, Asked, Reply

TODAY = "2024-06-12"
_END = "9999-12-31"


class FredData:
    """What the stub knows: series → (vintage day, period, value as text), in any order.

    `no_vintages` are series that FRED has and ALFRED has not; their vintage day is ignored.
    """

    def __init__(self) -> None:
        self.values: dict[str, list[tuple[str, str, str]]] = {}
        self.no_vintages: set[str] = set()
        self.most_vintages = 2000
        self.most_rows = 100_000

    def answers(self) -> dict[str, Answer]:
        return {
            "/fred/series/observations": self.observations,
            "/fred/series/vintagedates": self.vintages,
        }

    def vintages(self, asked: Asked) -> object:
        query = asked.query
        refusal = self._refusal(query, archived=True)
        if refusal is not None:
            return refusal
        days = sorted({since for since, _, _ in self.values[query["series_id"]]})
        offset, limit = int(query["offset"]), int(query["limit"])
        return {
            "realtime_start": query["realtime_start"],
            "realtime_end": query["realtime_end"],
            "order_by": "vintage_date",
            "sort_order": "asc",
            "count": len(days),
            "offset": offset,
            "limit": limit,
            "vintage_dates": days[offset : offset + limit],
        }

    def observations(self, asked: Asked) -> object:
        query = asked.query
        refusal = self._refusal(query, archived="realtime_start" in query)
        if refusal is not None:
            return refusal
        first = query.get("realtime_start", TODAY)
        last = query.get("realtime_end", TODAY)
        series = query["series_id"]
        if series in self.no_vintages:
            rows = [(TODAY, TODAY, period, value) for _, period, value in self.values[series]]
        else:
            days = {since for since, _, _ in self.values[series] if first <= since <= last}
            if len(days) > self.most_vintages:
                return _error(
                    400,
                    f"Bad Request.  There are {len(days)} vintage dates in the specified "
                    f"real-time period: {first} to {last}.  This exceeds the maximum number of "
                    f"vintage dates allowed ({self.most_vintages}).",
                )
            rows = self._in_force(series, first, last)
        shown = [
            {"realtime_start": since, "realtime_end": until, "date": period, "value": value}
            for since, until, period, value in sorted(rows, key=lambda row: (row[2], row[0]))
            if query["observation_start"] <= period <= query["observation_end"]
        ]
        offset = int(query["offset"])
        limit = min(int(query["limit"]), self.most_rows)
        return {
            "realtime_start": first,
            "realtime_end": last,
            "observation_start": query["observation_start"],
            "observation_end": query["observation_end"],
            "units": "lin",
            "output_type": 1,
            "file_type": "json",
            "order_by": "observation_date",
            "sort_order": "asc",
            "count": len(shown),
            "offset": offset,
            "limit": limit,
            "observations": shown[offset : offset + limit],
        }

    def _in_force(self, series: str, first: str, last: str) -> list[tuple[str, str, str, str]]:
        """Return (since, until, period, value) in force in `first..last`, cut to that period."""
        by_period: dict[str, dict[str, str]] = {}
        for since, period, value in self.values[series]:
            by_period.setdefault(period, {})[since] = value
        rows: list[tuple[str, str, str, str]] = []
        for period, vintages in by_period.items():
            days = [*sorted(vintages), _END]
            for since, until in pairwise(days):
                if since <= last and until > first:
                    rows.append((max(since, first), min(until, last), period, vintages[since]))
        return rows

    def _refusal(self, query: Mapping[str, str], *, archived: bool) -> Reply | None:
        if query.get("file_type") != "json":
            return Reply(b"<?xml version='1.0'?><observations/>", kind="text/xml")
        if query["series_id"] not in self.values:
            return _error(400, "Bad Request.  The series does not exist.")
        if archived and query["series_id"] in self.no_vintages:
            return _error(
                400,
                "Bad Request.  The series does not exist in ALFRED but may exist in FRED.  "
                "Try setting the realtime_start and realtime_end variables.",
            )
        return None


def _error(code: int, message: str) -> Reply:
    return Reply(json.dumps({"error_code": code, "error_message": message}).encode(), code)
