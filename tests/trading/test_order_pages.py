"""Orders and fills that were put away come back as they were, and take little room."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from schemas.orders import Fill, Order
from tests.trading.execution.bars import DAY, order
from trading.order_pages import OrderPages


def fill(made_of: Order, session: date) -> Fill:
    return Fill(
        fill_id=f"{made_of.client_order_id}-0",
        client_order_id=made_of.client_order_id,
        agent=made_of.agent,
        session=session,
        symbol="AAA",
        side="buy",
        quantity=Decimal(100),
        reference_price=Decimal(10),
        price=Decimal("10.004"),
        amount=Decimal("1000.40"),
        commission=Decimal("0.10"),
        spread_cost=Decimal("0.20"),
        slippage_cost=Decimal("0.20"),
        convention="open",
    )


def test_what_is_put_away_comes_back_by_id_and_by_session() -> None:
    pages = OrderPages()
    sessions = [DAY + timedelta(days=n) for n in range(5)]
    told: list[tuple[Order, Fill]] = []
    for n, session in enumerate(sessions):
        ended = order("buy", "100", sequence=n, status="filled").model_copy(
            update={"reason": "line\nbreak \u2028 and “quotes”"}
        )
        told.append((ended, fill(ended, session)))
        pages.add(session, [ended], [told[-1][1]])
    for ended, _ in told:
        assert pages.order(ended.client_order_id) == ended
    assert pages.order("nobody") is None
    assert pages.fills(sessions[3]) == tuple(made for _, made in told[3:])
    assert pages.fills(sessions[0]) == tuple(made for _, made in told)
    assert pages.fills(sessions[-1] + timedelta(days=1)) == ()
