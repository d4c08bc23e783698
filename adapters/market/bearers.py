"""Which instrument a vendor's ticker meant on a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.market.facts import Facts

_ALWAYS, _FOREVER = date.min, date.max


def ticker_changes(facts: Facts) -> list[dict[str, Any]]:
    """Return the actions that gave an instrument another ticker, without those called off."""
    changes = facts["actions"].filter(facts["actions"].column("new_symbol").is_valid())
    return [row for row in changes.to_pylist() if not row["withdrawn"]]


class Bearers:
    """Who bore which ticker when, as listings and ticker changes say; else a ticker is its own id.

    Where a vendor writes a ticker over days on which nobody is known to have borne it, its next
    bearer is meant, or its last one.
    """

    def __init__(self, facts: Sequence[Facts]) -> None:
        self._stays: dict[str, list[tuple[date, date, str]]] = {}
        for each in facts:
            for row in each["listings"].to_pylist():
                stay = (row["first_session"], row["last_session"] or _FOREVER, row["instrument"])
                self._stays.setdefault(row["symbol"], []).append(stay)
            for row in ticker_changes(each):
                stay = (row["ex_date"], _FOREVER, row["instrument"])
                self._stays.setdefault(row["new_symbol"], []).append(stay)
        for stays in self._stays.values():
            stays.sort()

    def at(self, symbol: str, day: date) -> str:
        """Return the instrument that the ticker meant on that day."""
        stays = self._stays.get(symbol, [(_ALWAYS, _FOREVER, symbol)])
        current = [who for first, last, who in stays if first <= day <= last]
        later = [who for first, _, who in stays if first > day]
        return (current[-1:] or later[:1] or [stays[-1][2]])[0]

    def ticker(self, instrument: str, day: date) -> str:
        """Return what the instrument was called on that day, or first, or else its id."""
        borne = [
            (first, symbol)
            for symbol, stays in self._stays.items()
            for first, _, who in stays
            if who == instrument
        ]
        begun = [each for each in borne if each[0] <= day]
        return max(begun)[1] if begun else min(borne, default=(day, instrument))[1]

    def rename(self, symbol: str, days: NDArray[np.datetime64]) -> list[str]:
        """Return the instrument of each of these days."""
        if symbol not in self._stays:
            return [symbol] * len(days)
        return [self.at(symbol, day) for day in days.tolist()]
