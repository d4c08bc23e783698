"""No stream of decisions breaks a limit at the moment one of them is accepted."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.trading.gate_streams import stream

pytestmark = pytest.mark.promise("risk-limits")


def test_no_random_decision_that_is_accepted_breaks_a_limit() -> None:
    seen: Counter[str] = Counter()
    for seed in range(60):
        seen += stream(seed, 100)
    assert seen.total() - seen["after sells"] == 6000
    assert seen["after sells"] > 20
    assert seen["accepted"] > 1000
    # Every kind of no was said: the stream reaches what it is meant to test.
    assert {
        "halted",
        "quantity",
        "symbol",
        "terms",
        "allow_short",
        "allow_leverage",
        "max_order_share",
        "max_position_share",
        "max_positions",
        "max_gross_share",
        "max_orders_per_session",
        "price_collar",
        "max_volume_share",
        "rule:t",
    } <= set(seen)


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_no_decision_of_a_million_that_is_accepted_breaks_a_limit(part: int) -> None:
    # A hundred thousand decisions in each part; all ten take two to three minutes on one core.
    seen: Counter[str] = Counter()
    for seed in range(100):
        seen += stream(1_000 + 100 * part + seed, 1000)
    assert seen.total() - seen["after sells"] == 100_000
