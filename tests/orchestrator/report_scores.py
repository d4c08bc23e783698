"""What the sample's runs score: their trades and closes as ticks with a real ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal

from orchestrator.scorecard import scorecard
from schemas.account import AccountMark
from schemas.ledger import Transaction, TransactionKind
from schemas.orders import Fill, Order, Terms
from schemas.results import EquityCurve, Scorecard, Trade
from schemas.tick import Tick
from trading.account import CAPITAL, CASH, AccountState, movements_of
from trading.ledger import Heading, Movement, Tip, append
from trading.round_trips import Bar

Closes = Mapping[tuple[str, date], Decimal]


class Books:
    """A ledger that is written as it is booked, and the ticks made of it."""

    def __init__(self, capital: Decimal, day: date) -> None:
        self.state = AccountState("USD")
        self.tip = Tip()
        self.ticks: list[Tick] = []
        self._entered: list[Transaction] = []
        self._fills: list[Fill] = []
        self.enter("deposit", (Movement(CASH, capital), Movement(CAPITAL, -capital)), day)

    def enter(self, kind: TransactionKind, movements: Sequence[Movement], day: date) -> None:
        """Book one transaction in the session under way."""
        heading = Heading(f"t{self.tip.sequence}", kind, day, "made", "USD")
        made = append(self.tip, heading, movements=movements)
        self.state, self.tip = self.state.apply(made), self.tip.after(made)
        self._entered.append(made)

    def fill(self, fill: Fill) -> None:
        """Book a fill, first in first out."""
        self.enter("trade", movements_of(fill, self.state, method="fifo"), fill.session)
        self._fills.append(fill)

    def close(self, day: date, *, worth: Decimal, **also: object) -> Tick:
        """End the session; the positions are worth that much at its close."""
        cash = self.state.cash
        mark = AccountMark(
            session=day, currency="USD", cash=cash, market_value=worth, equity=cash + worth
        )
        tick = Tick.model_validate(
            {
                "n": len(self.ticks),
                "session": day,
                "as_of": datetime.combine(day, time(14, 30), UTC),
                "events": ("trading_day",),
                "fills": tuple(self._fills),
                "orders": tuple(_order(fill) for fill in self._fills),
                "transactions": tuple(self._entered),
                "mark": mark,
                "ledger_hash": self.tip.hash,
                **also,
            }
        )
        self.ticks.append(tick)
        self._entered, self._fills = [], []
        return tick


def _order(fill: Fill) -> Order:
    """The order that this fill is all of."""
    return Order(
        client_order_id=fill.client_order_id, agent=fill.agent, sequence=0, session=fill.session,
        symbol=fill.symbol, side=fill.side, quantity=fill.quantity, reason="made",
        terms=Terms(order_type="limit", time_in_force="gtc", limit_price=fill.price),
        status="filled", filled_quantity=fill.quantity,
        placed_as_of=datetime.combine(fill.session, time(14, 30), UTC),
    )  # fmt: skip


def sample_score(
    capital: Decimal, curve: EquityCurve, trades: Iterable[Trade], closes: Closes
) -> Scorecard:
    """Score trades and a curve that were made elsewhere; the closes stand for whole bars."""
    books = Books(capital, curve.sessions[0])
    waiting = [trade.fill for trade in reversed(list(trades))]
    for day, worth in zip(curve.sessions, curve.market_value, strict=True):
        while waiting and waiting[-1].session == day:
            books.fill(waiting.pop())
        books.close(day, worth=worth)

    def bars(symbol: str, session: date) -> Bar:
        close = closes[symbol, session]
        return Bar(close, close, close)

    return scorecard(books.ticks, seed=0, bars=bars)
