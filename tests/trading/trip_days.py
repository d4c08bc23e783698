"""Sessions written by hand: fills and corporate actions become ticks with a real ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal

from schemas.account import AccountMark
from schemas.base import ZERO, to_cents, to_micro
from schemas.facts import CorporateAction
from schemas.ledger import TransactionKind
from schemas.orders import Fill, FillConvention, Side
from schemas.tick import Tick
from trading.account import (
    CAPITAL,
    CASH,
    AccountState,
    Holding,
    MarginTerms,
    movements_of,
    realised_gain,
)
from trading.corporate_actions import Stake, book_action
from trading.ledger import Heading, Movement, Tip, append

NOON = time(12, tzinfo=UTC)


class Days:
    """An account whose sessions are made up one by one."""

    def __init__(self, *, method: str = "fifo") -> None:
        terms = MarginTerms(allow_short=True, allow_leverage=True)
        self.state = AccountState("USD", terms=terms)
        self.tip = Tip()
        self.ticks: list[Tick] = []
        self.method = method
        self.fills: list[Fill] = []
        self._today: list[Fill] = []
        self._entered: list[object] = []
        self.enter("deposit", (Movement(CASH, Decimal(10**6)), Movement(CAPITAL, -Decimal(10**6))))

    def enter(
        self, kind: TransactionKind, movements: Sequence[Movement], day: date = date(2020, 1, 2)
    ) -> None:
        heading = Heading(f"t{self.tip.sequence}", kind, day, "made", "USD")
        made = append(self.tip, heading, movements=movements)
        self.state, self.tip = self.state.apply(made), self.tip.after(made)
        self._entered.append(made)

    def trade(
        self,
        day: date,
        symbol: str,
        side: Side,
        quantity: str | Decimal,
        price: str | Decimal,
        *,
        commission: str = "0.00",
        spread: str = "0.00",
        convention: FillConvention = "open",
        chosen: Sequence[str] = (),
    ) -> Fill:
        units, paid = to_micro(Decimal(quantity)), to_micro(Decimal(price))
        fill = Fill(
            fill_id=f"f{len(self.fills)}",
            client_order_id=f"o{len(self.fills)}",
            agent="tester",
            session=day,
            symbol=symbol,
            side=side,
            quantity=units,
            reference_price=paid,
            price=paid,
            amount=to_cents(units * paid),
            commission=Decimal(commission),
            spread_cost=Decimal(spread),
            slippage_cost=ZERO,
            convention=convention,
        )
        how = {"method": self.method, "chosen": chosen}
        gain = realised_gain(fill, self.state, **how)  # type: ignore[arg-type]  # names of methods
        fill = fill.model_copy(update={"realised_gain": gain})
        moves = movements_of(fill, self.state, **how)  # type: ignore[arg-type]  # likewise
        self.enter("trade", moves, day)
        self.fills.append(fill)
        self._today.append(fill)
        return fill

    def act(self, day: date, symbol: str, *, price: str = "10", **what: object) -> None:
        """Book a corporate action on what is held of the symbol."""
        action = CorporateAction.model_validate(
            {
                "action_id": f"a{self.tip.sequence}",
                "instrument": "MADE",
                "ex_date": day,
                "known_time": datetime.combine(day, NOON),
                "stored_time": datetime.combine(day, NOON),
                "provider": "made",
                **what,
            }
        )
        holding = self.state.holdings.get(symbol, Holding())
        booking = book_action(
            action, Stake(symbol, holding, holding, Decimal(price), Decimal("0.000001"))
        )
        if holding.lots and booking is not None:
            self.enter(booking.kind, booking.movements, day)

    def end(self, day: date) -> Tick:
        tick = Tick.model_validate(
            {
                "n": len(self.ticks),
                "session": day,
                "as_of": datetime.combine(day, NOON),
                "events": ("trading_day",),
                "fills": tuple(self._today),
                "transactions": tuple(self._entered),
                "mark": AccountMark(
                    session=day,
                    currency="USD",
                    cash=self.state.cash,
                    market_value=ZERO,
                    equity=self.state.cash,
                ),
                "ledger_hash": self.tip.hash,
            }
        )
        self.ticks.append(tick)
        self._today, self._entered = [], []
        return tick
