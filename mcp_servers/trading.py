"""The trading server: the one door for orders.

Every order intent meets the risk gate first; what it accepts goes to the broker as working, what
it denies goes there to be recorded. Nobody else hands orders to a broker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal
from typing import Annotated, get_args

from mcp.server.mcpserver import MCPServer
from pydantic import Field

from interfaces.broker import Broker
from interfaces.clock import Clock
from interfaces.market import MarketData
from mcp_servers.toolkit import READ, REMOVE, WRITE, add_tool, new_server
from mcp_servers.trading_arguments import (
    KeyArgument,
    Number,
    QuantityArgument,
    ReasonArgument,
    SymbolArgument,
    WeightsArgument,
    read_intent,
    read_number,
    read_reason,
    read_targets,
)
from schemas.base import MILLIONTH, plain, to_micro
from schemas.errors import BadConfiguration, NotFound
from schemas.execution import ExecutionModel
from schemas.orders import Order, Side
from schemas.risk import RiskLimits
from schemas.trading import (
    AccountAnswer,
    Holdings,
    LimitBroken,
    ModeAnswer,
    OrderColumns,
    PlacedOrder,
    PositionsAnswer,
    PreviewAnswer,
    RebalanceAnswer,
    SkippedSymbol,
    TradingMode,
)
from trading.gate import Book, Denial, Rules, check, open_book
from trading.orders import OrderIntent, client_order_id, keyed_order_id
from trading.rebalance import MIN_ORDER, rebalance

_INSTRUCTIONS = (
    "Trade one account. Everything shown was known before the session opens; orders fill in the "
    "session, at prices not known yet, plus costs. Every order passes a risk gate first."
)
_RULES = (
    "An order fills at the session's open, or at its close where the data has closes only.",
    "The price is moved against it by half the spread and slippage; commission is added.",
    "Sells fill before buys; their cash can be spent in the same session.",
    "A buy that exceeds the cash at the fill is cut to what the cash buys.",
    "There is no borrowing and no short selling.",
    "An order that has not filled in its session is cancelled.",
)


def build_trading_server(
    *,
    clock: Clock,
    market: MarketData,
    broker: Broker,
    limits: RiskLimits,
    execution: ExecutionModel,
    scope: str,
    tick: Callable[[], int],
    agent: str = "client",
    mode: str,
) -> MCPServer:
    """Build the server of one account; `scope` is the run key or the account's name.

    `costs` are what the broker charges, for estimates. An unknown `mode` raises
    `BadConfiguration`.
    """
    known = {str(each): each for each in get_args(TradingMode)}
    if mode not in known:
        raise BadConfiguration(f"trading mode {mode!r} is none of {', '.join(sorted(known))}")
    rules = Rules(limits, execution, frozenset(market.info().symbols))
    desk = _Desk(clock, market, broker, rules, scope=scope, tick=tick, agent=agent)
    tools = _Tools(desk, known[mode])
    server = new_server("trading", _INSTRUCTIONS)
    for function, title, kind in (
        (tools.get_mode, "Account and rules", READ),
        (tools.get_account, "Account", READ),
        (tools.get_positions, "Positions", READ),
        (tools.preview_order, "Preview an order", READ),
        (tools.place_order, "Place an order", WRITE),
        (tools.rebalance_to_weights, "Rebalance to target weights", WRITE),
        (tools.cancel_order, "Cancel an order", REMOVE),
        (tools.list_orders, "Orders of the session", READ),
    ):
        name = f"trading_{function.__name__}"
        add_tool(server, function, name=name, title=title, annotations=kind)
    return server


@dataclass(frozen=True, slots=True)
class _Desk:
    """Gate and broker together: the only place an intent becomes an order."""

    clock: Clock
    market: MarketData
    broker: Broker
    rules: Rules
    scope: str
    tick: Callable[[], int]
    agent: str

    def book(self, symbols: Iterable[str]) -> Book:
        """Return the book with the last closes of these symbols and of all working orders."""
        orders = self.broker.orders()
        view = self.market.view(self.clock.now())
        prices: dict[str, Decimal] = {}
        for symbol in {*symbols, *(order.symbol for order in orders)} & self.rules.tradable:
            with suppress(NotFound):  # of a universe it is to enter later: as unknown as any
                last = view.last_close(symbol)
                if last is not None:
                    prices[symbol] = to_micro(last[1])
        rules = replace(self.rules, listed=frozenset(view.symbols()))
        return open_book(self.broker.account(), orders, prices=prices, rules=rules)

    def place(
        self, intent: OrderIntent, book: Book, *, reason: str, client_key: str | None = None
    ) -> tuple[PlacedOrder, Book]:
        """Pass the gate, hand the order to the broker, and return it with the book after it."""
        placed = self.broker.orders()
        sequence = sum(order.agent == self.agent for order in placed)
        if client_key is None:
            order_id = client_order_id(
                self.scope, self.tick(), self.agent, intent=intent, sequence=sequence
            )
        else:
            order_id = keyed_order_id(self.scope, self.tick(), self.agent, key=client_key)
        order = Order(
            client_order_id=order_id,
            agent=self.agent,
            sequence=sequence,
            session=self.broker.session(),
            symbol=intent.symbol,
            side=intent.side,
            quantity=intent.quantity,
            reason=reason,
            placed_as_of=self.clock.now(),
        )
        if any(each.client_order_id == order_id for each in placed):
            return _placed(self.broker.submit(order), None), book  # the same call once more
        denial = check(intent, book)
        if denial is None:
            return _placed(self.broker.submit(order), None), book.with_order(intent)
        denied = order.model_copy(update={"status": "denied", "status_reason": denial.message})
        # Denials are recorded too, but a model that never stops must not fill the tick with them.
        if len(placed) < 2 * self.rules.limits.max_orders_per_session:
            denied = self.broker.submit(denied)
        return _placed(denied, denial), replace(book, orders=book.orders + 1)


class _Tools:
    """The tools; their docstrings are what a model reads."""

    def __init__(self, desk: _Desk, mode: TradingMode) -> None:
        self._desk = desk
        self._mode: TradingMode = mode

    async def get_mode(self) -> ModeAnswer:
        """Say whether the account is simulated, paper or live, its limits, its costs, and how
        orders are filled.
        """
        rules = self._desk.rules
        return ModeAnswer(
            mode=self._mode,
            as_of=self._desk.clock.now(),
            session=self._desk.broker.session(),
            currency=self._desk.broker.account().currency,
            halted=rules.limits.halted,
            limits=rules.limits,
            execution=rules.execution,
            rules=_RULES,
        )

    async def get_account(self) -> AccountAnswer:
        """Show cash, equity and holdings at the last known closes, holdings in columns."""
        mark = self._desk.broker.account()
        working = sum(order.status == "accepted" for order in self._desk.broker.orders())
        return AccountAnswer(
            session=self._desk.broker.session(),
            marked_at=mark.session,
            currency=mark.currency,
            cash=mark.cash,
            market_value=mark.market_value,
            equity=mark.equity,
            working_orders=working,
            positions=Holdings(
                symbols=tuple(position.symbol for position in mark.positions),
                quantities=tuple(position.quantity for position in mark.positions),
                market_values=tuple(position.market_value for position in mark.positions),
            ),
        )

    async def get_positions(self) -> PositionsAnswer:
        """Show the holdings with their average cost and unrealised gain, in columns."""
        mark = self._desk.broker.account()
        held = mark.positions
        return PositionsAnswer(
            marked_at=mark.session,
            currency=mark.currency,
            symbols=tuple(position.symbol for position in held),
            quantities=tuple(position.quantity for position in held),
            prices=tuple(position.price for position in held),
            market_values=tuple(position.market_value for position in held),
            weights=tuple(_weight(position.market_value, mark.equity) for position in held),
            costs=tuple(position.cost for position in held),
            unrealised_gains=tuple(position.market_value - position.cost for position in held),
        )

    async def preview_order(
        self, symbol: SymbolArgument, side: Side, quantity: QuantityArgument
    ) -> PreviewAnswer:
        """Say whether an order would pass the gate and what it would come to at the last known
        close plus costs. Nothing is placed.
        """
        intent = read_intent(symbol, side, quantity)
        book = self._desk.book([intent.symbol])
        denial = check(intent, book)
        if intent.symbol not in book.prices:
            return PreviewAnswer(
                accepted=False,
                denied=_limit(denial),
                symbol=intent.symbol,
                side=side,
                quantity=intent.quantity,
            )
        cost = book.estimate(intent)
        return PreviewAnswer(
            accepted=denial is None,
            denied=_limit(denial),
            symbol=intent.symbol,
            side=side,
            quantity=intent.quantity,
            last_close=book.prices[intent.symbol],
            amount=cost.amount,
            commission=cost.commission,
            cash_after=book.with_order(intent).cash,
        )

    async def place_order(
        self,
        symbol: SymbolArgument,
        side: Side,
        quantity: QuantityArgument,
        reason: ReasonArgument,
        *,
        client_key: KeyArgument = None,
    ) -> PlacedOrder:
        """Place an order for the current session. The answer is `accepted`, or `denied` with the
        limit and by how much. It fills later, at a price nobody knows yet.
        """
        intent = read_intent(symbol, side, quantity)
        book = self._desk.book([intent.symbol])
        return self._desk.place(intent, book, reason=read_reason(reason), client_key=client_key)[0]

    async def rebalance_to_weights(
        self,
        weights: WeightsArgument,
        reason: ReasonArgument,
        min_order: Annotated[
            Number, Field(description="trades worth less money than this are left out")
        ] = str(MIN_ORDER),
    ) -> RebalanceAnswer:
        """Place the sells and buys that bring the account to target weights, in one call.

        Weights lie between 0 and 1 and sum to 1 at most; what is held and not named is sold. Sizes
        are taken at the last known closes with costs and a small price rise allowed for. Working
        orders count as done. Symbols without a price are skipped and named.
        """
        targets = read_targets(weights)
        why = read_reason(reason)
        smallest = read_number(min_order, "min_order")
        book = self._desk.book(targets)
        plan = rebalance(targets, book, min_order=max(smallest, Decimal()))
        orders: list[PlacedOrder] = []
        for intent in plan.intents:
            order, book = self._desk.place(intent, book, reason=why)
            orders.append(order)
        return RebalanceAnswer(
            order_ids=tuple(order.client_order_id for order in orders),
            symbols=tuple(order.symbol for order in orders),
            sides=tuple(order.side for order in orders),
            quantities=tuple(order.quantity for order in orders),
            statuses=tuple(order.status for order in orders),
            denied=tuple(order.denied for order in orders if order.denied),
            skipped=tuple(SkippedSymbol(symbol=s.symbol, reason=s.reason) for s in plan.skipped),
        )

    async def cancel_order(
        self, client_order_id: Annotated[str, Field(max_length=36)]
    ) -> PlacedOrder:
        """Cancel a working order of this session."""
        return _placed(self._desk.broker.cancel(client_order_id), None)

    async def list_orders(self) -> OrderColumns:
        """List the orders of the current session with their status, in columns."""
        orders = self._desk.broker.orders()
        return OrderColumns(
            session=self._desk.broker.session(),
            client_order_ids=tuple(order.client_order_id for order in orders),
            agents=tuple(order.agent for order in orders),
            symbols=tuple(order.symbol for order in orders),
            sides=tuple(order.side for order in orders),
            quantities=tuple(order.quantity for order in orders),
            statuses=tuple(order.status for order in orders),
            status_reasons=tuple(order.status_reason for order in orders),
            reasons=tuple(order.reason for order in orders),
        )


def _weight(value: Decimal, equity: Decimal) -> Decimal:
    # Cut, not rounded: the weights shown can be handed back as targets and sum to 1 at most.
    return (value / equity).quantize(MILLIONTH, rounding=ROUND_DOWN) if equity else Decimal()


def _placed(order: Order, denial: Denial | None) -> PlacedOrder:
    return PlacedOrder(
        client_order_id=order.client_order_id,
        status=order.status,
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity,
        status_reason=order.status_reason,
        denied=_limit(denial),
    )


def _limit(denial: Denial | None) -> LimitBroken | None:
    if denial is None:
        return None
    excess = None if denial.excess is None else plain(denial.excess)
    return LimitBroken(limit=denial.limit, message=denial.message, excess=excess)
