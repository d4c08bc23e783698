"""What limits ask of the past, against bars made by hand."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np

from mcp_servers.risk_history import SHORTEST, load_history, sessions_needed
from schemas.errors import NotFound
from schemas.risk import CorrelationLimit, RiskLimits, TailLimit

DAY = date(2020, 1, 1)
NAN = float("nan")


class Shelf:
    """Bars by symbol: {day: (close, volume)}."""

    def __init__(self, **bars: dict[int, tuple[float, float]]) -> None:
        self._bars = bars

    def bars(self, symbol: str, *, lookback: int) -> Any:
        if symbol not in self._bars:
            raise NotFound(symbol)
        rows = sorted(self._bars[symbol].items())[-lookback:]
        return SimpleNamespace(
            sessions=np.array([DAY + timedelta(days=n) for n, _ in rows], "datetime64[D]"),
            close=np.array([close for _, (close, _) in rows]),
            volume=np.array([volume for _, (_, volume) in rows]),
        )


SHELF: Any = Shelf(
    OLD={0: (10.0, 5.0), 1: (11.0, 6.0), 2: (12.1, NAN), 3: (12.1, 8.0)},
    GAP={0: (4.0, 1.0), 1: (5.0, 2.0), 3: (6.0, 3.0)},
    LATE={2: (7.0, 9.0), 3: (3.5, 9.5)},
    GONE={-9: (1.0, 1.0), -8: (2.0, 2.0)},
    EMPTY={},
)


def test_each_has_its_column_and_a_return_needs_two_sessions_in_a_row() -> None:
    found = load_history(SHELF, ["OLD", "LATE", "GAP", "NOBODY", "EMPTY", "OLD"], 3)
    assert found.symbols == ("GAP", "LATE", "OLD")
    want = [[0.25, NAN, 0.1], [NAN, NAN, 0.1], [NAN, -0.5, 0.0]]
    np.testing.assert_allclose(found.returns, want)
    np.testing.assert_array_equal(found.volumes, [[2, NAN, 6], [NAN, 9, NAN], [3, 9.5, 8]])


def test_the_last_sessions_alone_count_and_one_that_has_none_of_them_is_empty() -> None:
    found = load_history(SHELF, ["OLD", "GONE"], 2)
    assert found.symbols == ("GONE", "OLD")
    np.testing.assert_allclose(found.returns, [[NAN, 0.1], [NAN, 0.0]])
    alone = load_history(SHELF, ["GONE"], 2)
    np.testing.assert_allclose(alone.returns, [[1.0]])


def test_nothing_known_is_a_history_without_columns() -> None:
    for symbols in ([], ["NOBODY"], ["EMPTY"]):
        found = load_history(SHELF, symbols, 5)
        assert (found.symbols, found.returns.shape, found.volumes.shape) == ((), (0, 0), (0, 0))


def test_limits_look_back_as_far_as_the_longest_of_them() -> None:
    assert sessions_needed(RiskLimits()) == SHORTEST
    tail = TailLimit(max_var=0.1, window=60)  # type: ignore[arg-type]  # read as a decimal
    cluster = CorrelationLimit(max_share=0.1, window=200)  # type: ignore[arg-type]  # likewise
    assert sessions_needed(RiskLimits(tail=(tail,))) == 60
    assert sessions_needed(RiskLimits(tail=(tail,), correlation=cluster)) == 200
