"""What the trading tools answer, from what the broker and the gate tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from schemas.account import AccountMark, LotMark
from schemas.base import plain
from schemas.execution import LotMethod
from schemas.orders import Fill, Order
from schemas.trading import (
    ExplainedFills,
    ExplainedMoves,
    ExplainedTrade,
    LimitBroken,
    LotsAnswer,
    OrderColumns,
    PlacedOrder,
)
from trading.gate import Denial


def as_placed(order: Order, denial: Denial | None) -> PlacedOrder:
    """Return an order as a tool answers it."""
    return PlacedOrder(
        client_order_id=order.client_order_id,
        status=order.status,
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        status_reason=order.status_reason,
        denied=as_limit(denial),
    )


def as_limit(denial: Denial | None) -> LimitBroken | None:
    """Return a denial as a tool answers it."""
    if denial is None:
        return None
    excess = None if denial.excess is None else plain(denial.excess)
    return LimitBroken(limit=denial.limit, message=denial.message, excess=excess)


def order_columns(session: date, orders: Sequence[Order]) -> OrderColumns:
    """Return orders in columns."""
    return OrderColumns(
        session=session,
        client_order_ids=tuple(order.client_order_id for order in orders),
        agents=tuple(order.agent for order in orders),
        symbols=tuple(order.symbol for order in orders),
        sides=tuple(order.side for order in orders),
        order_types=tuple(order.terms.order_type for order in orders),
        times_in_force=tuple(order.terms.time_in_force for order in orders),
        quantities=tuple(order.quantity for order in orders),
        filled_quantities=tuple(order.filled_quantity for order in orders),
        limit_prices=tuple(order.terms.limit_price for order in orders),
        stop_prices=tuple(order.terms.stop_price for order in orders),
        placed_for=tuple(order.session for order in orders),
        statuses=tuple(order.status for order in orders),
        status_reasons=tuple(order.status_reason for order in orders),
        reasons=tuple(order.reason for order in orders),
    )


def lot_columns(
    symbol: str, mark: AccountMark, lots: Sequence[LotMark], *, method: LotMethod
) -> LotsAnswer:
    """Return the lots of a holding in columns."""
    return LotsAnswer(
        symbol=symbol,
        method=method,
        marked_at=mark.session,
        currency=mark.currency,
        lots=tuple(lot.lot_id for lot in lots),
        opened=tuple(lot.opened for lot in lots),
        quantities=tuple(lot.quantity for lot in lots),
        costs=tuple(lot.cost for lot in lots),
        unrealised_gains=tuple(lot.market_value - lot.cost for lot in lots),
    )


def explained(order: Order, fills: Iterable[Fill]) -> ExplainedTrade:
    """Return all that is known of an order; of `fills` its own count."""
    terms = order.terms
    return ExplainedTrade(
        client_order_id=order.client_order_id,
        agent=order.agent,
        session=order.session,
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        order_type=terms.order_type,
        time_in_force=terms.time_in_force,
        notional=terms.notional,
        limit_price=terms.limit_price,
        stop_price=terms.stop_price,
        trail_amount=terms.trail_amount,
        trail_share=terms.trail_share,
        parent_id=terms.parent_id,
        oco_group=terms.oco_group,
        lots=terms.lots,
        reason=order.reason,
        gate=order.gate,
        status=order.status,
        status_reason=order.status_reason,
        moves=ExplainedMoves(
            at=tuple(move.at for move in order.history),
            statuses=tuple(move.status for move in order.history),
            causes=tuple(move.cause for move in order.history),
            reasons=tuple(move.reason for move in order.history),
        ),
        fills=_fills([each for each in fills if each.client_order_id == order.client_order_id]),
    )


def _fills(fills: Sequence[Fill]) -> ExplainedFills:
    return ExplainedFills(
        sessions=tuple(fill.session for fill in fills),
        quantities=tuple(fill.quantity for fill in fills),
        conventions=tuple(fill.convention for fill in fills),
        reference_prices=tuple(fill.reference_price for fill in fills),
        prices=tuple(fill.price for fill in fills),
        amounts=tuple(fill.amount for fill in fills),
        commissions=tuple(fill.commission for fill in fills),
        spread_costs=tuple(fill.spread_cost for fill in fills),
        slippage_costs=tuple(fill.slippage_cost for fill in fills),
        impact_costs=tuple(fill.impact_cost for fill in fills),
        realised_gains=tuple(fill.realised_gain for fill in fills),
    )
