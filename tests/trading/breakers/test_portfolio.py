"""Several strategies: moving together, too many of them, too little cash."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from schemas.risk import BreakerLimits
from trading.breakers.portfolio import correlated, crowded, short_of_cash

LIMITS = BreakerLimits(mode="enforce")
GENERATOR = np.random.default_rng(11)
MARKET = GENERATOR.normal(0, 0.01, 200)


def mixed(share: float) -> list[float]:
    other = GENERATOR.normal(0, 0.01, 200)
    return list(share * MARKET + np.sqrt(1 - share**2) * other)


def test_of_two_that_move_together_the_younger_pauses() -> None:
    returns = {"old": mixed(0.98), "young": mixed(0.98)[-100:], "apart": mixed(0.0)}
    (tripped,) = correlated(returns, LIMITS)
    assert tripped.strategy == "young"
    wanted = np.corrcoef(returns["old"][-100:], returns["young"])[0, 1]
    assert tripped.event.value == pytest.approx(wanted)
    assert (tripped.event.breaker, tripped.event.action) == ("max_correlation", "pause")
    assert "old" in tripped.event.message


def test_of_three_that_move_together_one_goes_on() -> None:
    returns = {name: mixed(0.99) for name in ("c", "a", "b")}
    assert [each.strategy for each in correlated(returns, LIMITS)] == ["b", "c"]


def test_a_strategy_that_pauses_already_pauses_no_other() -> None:
    """b moves with a, and c with b but not with a: c goes on."""
    a, other = mixed(0.0), mixed(0.0)
    b = [0.8 * x + 0.6 * y for x, y in zip(a, other, strict=True)]
    c = [0.45 * x + 0.89 * y for x, y in zip(a, other, strict=True)]
    assert [each.strategy for each in correlated({"a": a, "b": b, "c": c}, LIMITS)] == ["b"]


def test_a_correlation_at_the_limit_passes_and_opposites_are_no_likeness() -> None:
    a = mixed(0.5)
    b = mixed(0.5)
    exact = Decimal(repr(correlated({"a": a, "b": a}, LIMITS)[0].event.value))
    assert exact > Decimal("0.99")
    value = float(np.corrcoef(a[-120:], b[-120:])[0, 1])
    for limit, count in ((value + 1e-9, 0), (value - 1e-9, 1)):
        limits = BreakerLimits(max_correlation=Decimal(repr(limit)))
        assert len(correlated({"a": a, "b": b}, limits)) == count
    assert correlated({"a": a, "b": [-each for each in a]}, LIMITS) == ()


@pytest.mark.parametrize(
    "other",
    [[0.0] * 200, [0.0001] * 200, list(MARKET[:19]), []],
    ids=["idle", "constant", "too young", "new"],
)
def test_where_there_is_no_correlation_nothing_is_said(other: list[float]) -> None:
    assert correlated({"a": list(MARKET), "b": other}, LIMITS) == ()


def test_only_the_last_sessions_count() -> None:
    apart, alike = mixed(0.0)[:80], list(MARKET[80:])
    assert len(correlated({"a": list(MARKET), "b": [*apart, *alike]}, LIMITS)) == 1
    returns = {"a": list(MARKET), "b": [*MARKET[:80], *mixed(0.0)[80:]]}
    assert correlated(returns, LIMITS) == ()
    assert (
        correlated({"a": list(MARKET), "b": list(MARKET)}, BreakerLimits(max_correlation=None))
        == ()
    )


def test_the_strategies_beyond_twenty_pause_the_youngest_ones() -> None:
    names = [f"s{n}" for n in range(22)]
    assert crowded(names[:20], LIMITS) == ()
    tripped = crowded(names, LIMITS)
    assert [each.strategy for each in tripped] == ["s20", "s21"]
    assert (tripped[0].event.value, tripped[0].event.limit) == (22, 20)
    assert crowded(names, BreakerLimits(max_strategies=None)) == ()


def test_cash_below_its_reserve_is_told() -> None:
    reserve = Decimal("0.05")
    assert short_of_cash(Decimal(5), Decimal(100), reserve, LIMITS) is None
    event = short_of_cash(Decimal("4.99"), Decimal(100), reserve, LIMITS)
    assert event is not None
    assert (event.action, event.value, event.limit) == ("review", 0.0499, 0.05)
    assert short_of_cash(Decimal(-1), Decimal(0), reserve, LIMITS) is not None
    recorded = short_of_cash(Decimal(0), Decimal(1), reserve, BreakerLimits(mode="record"))
    assert recorded is not None
    assert not recorded.enforced
