"""What fills amounted to: round trips, in columns.

A trip begins when something is bought (or sold short) and ends when nothing of it is left. Matched
`flat_to_flat` it is one position in a symbol, whatever was added to it or taken off on the way;
matched by `lot` it is one purchase, until the last unit of it is gone.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer

from schemas.base import Message, Money, Quantity, Symbol

Matching = Literal["flat_to_flat", "lot"]
Direction = Literal["long", "short"]

Share = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
"""A part of the money put in; a short trip can lose more than all of it. A number in JSON."""
Moneys = tuple[Money, ...]
Quantities = tuple[Quantity, ...]


class RoundTrips(Message):
    """Trips in the order they began; columns of equal length.

    `gains` are money kept: after every commission, with spread, slippage and impact in the prices.
    Of a trip that is open they are what was realised so far less the commissions paid.
    `realised_gains` leave the entries' commissions out, as fills and ledger do: their sum is that
    of the fills' realised gains and of what corporate actions realised. Dividends are in neither.
    """

    matching: Matching
    symbols: tuple[Symbol, ...] = Field(description="the ticker at the beginning")
    last_symbols: tuple[Symbol, ...] = Field(description="the ticker at the end, or now")
    lots: tuple[str | None, ...] = Field(description="matched by lot: which")
    directions: tuple[Direction, ...]
    opened: tuple[date, ...] = Field(description="session of the first entry")
    closed: tuple[date | None, ...] = Field(description="session of the last exit; None: open")
    days_held: tuple[int, ...] = Field(description="calendar days until the end, or the last mark")
    entries: tuple[int, ...] = Field(description="fills that opened or added; above 1: partial")
    exits: tuple[int, ...] = Field(description="fills and buy-outs that closed or reduced")
    day_trades: tuple[bool, ...] = Field(description="opened and closed in one session")
    long_holds: tuple[bool, ...] = Field(description="held for more than a year")
    units_opened: Quantities = Field(description="as traded")
    units_closed: Quantities = Field(description="as traded, or paid out")
    units_by_actions: Quantities = Field(description="signed: what splits added or took")
    units_open: Quantities = Field(description="opened + by actions − closed")
    entry_amounts: Moneys = Field(description="money of the entries, commissions excluded")
    exit_amounts: Moneys = Field(description="money of the exits, commissions excluded")
    commissions: Moneys
    price_costs: Moneys = Field(description="spread, slippage and impact inside the prices")
    realised_gains: Moneys
    gains: Moneys
    dividends: Moneys = Field(description="received, or owed where negative")
    gain_shares: tuple[Share | None, ...] = Field(description="gain ÷ entry amount")
    mae: tuple[Money | None, ...] = Field(
        description="maximum adverse excursion: the worst standing while held, 0 or below, before "
        "commissions; None without bars"
    )
    mfe: tuple[Money | None, ...] = Field(
        description="maximum favourable excursion: the best standing while held, 0 or above"
    )
