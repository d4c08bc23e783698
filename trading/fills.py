"""How a session's orders are filled at its open, or at its close where only closes exist.

Sells go before buys, then by agent and sequence. A buy that exceeds the cash at the fill price
plus costs is cut to what the cash buys, a sell that exceeds the holding to what is held; the reason
is recorded. There is no partial fill for want of volume: an order is small beside the market.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from schemas.base import plain
from schemas.execution import ExecutionModel
from schemas.orders import Fill, FillConvention, Order
from trading.account import AccountState
from trading.costs import Charge, affordable, charge, fill_price, price_impact, whole


@dataclass(frozen=True, slots=True)
class Reference:
    """The session's price that an order fills at, before spread and slippage."""

    session: date
    price: Decimal
    convention: FillConvention


def settle_order(orders: Iterable[Order]) -> tuple[Order, ...]:
    """Return the accepted orders in the order they are filled."""
    working = [order for order in orders if order.status == "accepted"]
    return tuple(
        sorted(working, key=lambda order: (order.side == "buy", order.agent, order.sequence))
    )


def fill_order(
    order: Order, state: AccountState, *, reference: Reference | None, execution: ExecutionModel
) -> tuple[Order, Fill | None]:
    """Fill an accepted order as far as the account allows; return its end and the fill.

    Without a reference (no bar in its session) it is cancelled; when nothing of it can be filled
    it is rejected.
    """
    if reference is None:
        reason = f"{order.symbol} has no price in the session of {order.session.isoformat()}"
        return _ended(order, "cancelled", reason), None
    price = fill_price(reference.price, order.side, execution)
    quantity, reason = _fillable(order, state, price=price, execution=execution)
    if not quantity:
        return _ended(order, "rejected", reason), None
    cost = charge(quantity, price, execution)
    if refused := _pointless(order, state, cost):
        return _ended(order, "rejected", refused), None
    spread, slippage = price_impact(quantity, reference.price, execution)
    gain = None
    if order.side == "sell":
        gain = cost.proceeds - state.holdings[order.symbol].cost_of(quantity)
    fill = Fill(
        fill_id=f"{order.client_order_id}-0",
        client_order_id=order.client_order_id,
        agent=order.agent,
        session=reference.session,
        symbol=order.symbol,
        side=order.side,
        quantity=quantity,
        reference_price=reference.price,
        price=price,
        amount=cost.amount,
        commission=cost.commission,
        spread_cost=spread,
        slippage_cost=slippage,
        convention=reference.convention,
        realised_gain=gain,
    )
    status = "filled" if quantity == order.quantity else "partially_filled"
    return _ended(order, status, reason), fill


def _fillable(
    order: Order, state: AccountState, *, price: Decimal, execution: ExecutionModel
) -> tuple[Decimal, str | None]:
    if order.side == "sell":
        held = state.held(order.symbol)
        # What is held may be a fraction where a split left one: selling all of it is allowed.
        quantity = held if order.quantity >= held else whole(order.quantity, execution)
        cut = f"cut from {plain(order.quantity)} to {plain(quantity)}: {plain(held)} held"
    else:
        quantity = whole(order.quantity, execution)
        if charge(quantity, price, execution).outlay > state.cash:
            quantity = affordable(state.cash, price, execution)
        cut = (
            f"cut from {plain(order.quantity)} to {plain(quantity)}: {plain(state.cash)} "
            f"{state.currency} of cash at {plain(price)} plus costs"
        )
    if quantity == order.quantity:
        return quantity, None
    if quantity == whole(order.quantity, execution):
        cut = f"cut from {plain(order.quantity)} to {plain(quantity)}: whole units only"
    return quantity, cut


def _pointless(order: Order, state: AccountState, cost: Charge) -> str | None:
    if order.side == "buy" and not cost.amount:
        return "what can be bought is worth less than a cent"
    if order.side == "sell" and state.cash + cost.proceeds < 0:
        return (
            f"its costs of {plain(cost.commission)} exceed its proceeds of {plain(cost.amount)} "
            f"and the cash of {plain(state.cash)} {state.currency}"
        )
    return None


def _ended(order: Order, status: str, reason: str | None) -> Order:
    return order.model_copy(update={"status": status, "status_reason": reason})
