"""What a rebalancing leaves alone, and which lots its sales close, as its tool was asked."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from interfaces.broker import Broker
from mcp_servers.trading_arguments import Number, read_number
from schemas.errors import InvalidRequest
from schemas.orders import ENDED
from trading.account import Holding
from trading.gate import Book
from trading.lots import Lot
from trading.rebalance import (
    DEFAULT_RATES,
    TO_TARGET,
    AllOf,
    NoTradeRegion,
    Policy,
    TaxLots,
    Threshold,
)

DriftArgument = Annotated[
    Number,
    Field(
        description="a name is left alone until its share of equity is further than this from its "
        'target, e.g. "0.05"; 0: no band'
    ),
]
BandEnd = Literal["target", "edge"]
BandEndArgument = Annotated[
    BandEnd, Field(description="where a name goes that has left the band of `drift`")
]
CostArgument = Annotated[
    bool,
    Field(
        description="trade a name only as far as the edge of the region in which trading costs "
        "more than it is worth"
    ),
]
TaxArgument = Annotated[
    bool,
    Field(description="sales name the lots that cost the least tax, at 24 % short and 15 % long"),
]


def read_policy(drift: object, to: BandEnd, *, cost_aware: bool) -> Policy:
    """Return what says whether a name is traded and how far; of two the smaller trade counts."""
    band = read_number(drift, "drift", example="0.05")
    if not 0 <= band <= 1:
        raise InvalidRequest("drift must lie between 0 and 1, such as 0.05: a share of equity")
    if to == "edge" and not band:
        raise InvalidRequest("`to` edge needs a band: give `drift`, such as 0.05")
    policies: list[Policy] = [Threshold(band, to=to)] if band else []
    if cost_aware:
        policies.append(NoTradeRegion())
    return AllOf(tuple(policies)) if policies else TO_TARGET


def tax_lots_of(targets: Mapping[str, Decimal], book: Book, *, broker: Broker) -> TaxLots:
    """Return the lots of what may be sold in part, for sales that are to cost the least tax.

    Of a name that another sale works in, none: that sale may close the lot that is named here, and
    an order for a lot that is gone does not fill.
    """
    selling = {
        order.symbol
        for order in broker.orders()
        if order.side == "sell" and order.status not in ENDED
    }
    holdings: dict[str, Holding] = {}
    for symbol, weight in targets.items():
        if not weight or symbol in selling or book.held.get(symbol, Decimal()) <= 0:
            continue
        if weight * book.equity < book.projected[symbol] * book.prices[symbol]:
            holdings[symbol] = Holding(
                tuple(
                    Lot(lot.lot_id, lot.opened, lot.quantity, lot.cost)
                    for lot in broker.lots(symbol)
                )
            )
    return TaxLots(DEFAULT_RATES, holdings, broker.session(), order="least_tax")
