"""What a split does to an order that works."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from schemas.facts import CorporateAction
from schemas.orders import Order, Terms
from tests.trading.execution.bars import order
from trading.order_actions import restate

AT = datetime(2020, 1, 2, tzinfo=UTC)
FIVE_FOR_ONE = CorporateAction(
    action_id="split",
    instrument="AAA",
    kind="split",
    ex_date=date(2020, 1, 3),
    new_units=Decimal(5),
    old_units=Decimal(1),
    known_time=AT,
    stored_time=AT,
    provider="files",
)


@pytest.mark.promise("corporate-actions")
def test_money_that_bought_more_units_than_thought_keeps_its_order_sound_through_a_split() -> None:
    asked = order("buy", "10", Terms(notional=Decimal("100.00"), time_in_force="gtc"))
    filled = asked.model_copy(
        update={"status": "partially_filled", "filled_quantity": Decimal("11.000000")}
    )
    after = restate(filled, FIVE_FOR_ONE, step=Decimal("0.000001"))
    assert isinstance(after, Order)
    assert (after.quantity, after.filled_quantity) == (11, 11)


@pytest.mark.promise("corporate-actions")
def test_what_is_left_of_an_order_is_told_in_new_units() -> None:
    asked = order("buy", "10").model_copy(update={"filled_quantity": Decimal("4.000000")})
    after = restate(asked, FIVE_FOR_ONE, step=Decimal(1))
    assert isinstance(after, Order)
    assert after.quantity == 4 + 6 * 5
