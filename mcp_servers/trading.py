"""The trading server: the one door for orders.

Every order intent meets the risk gate first; what it accepts goes to the broker as working, what
it denies goes there to be recorded. Nobody else hands orders to a broker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import ROUND_DOWN, Decimal
from typing import Annotated, get_args

from mcp.server.mcpserver import MCPServer
from pydantic import Field

from interfaces.broker import Broker
from interfaces.clock import Clock
from interfaces.market import MarketData
from mcp_servers.toolkit import READ, REMOVE, WRITE, add_tool, new_server
from mcp_servers.trading_answers import (
    as_limit,
    as_placed,
    explained,
    lot_columns,
    order_columns,
)
from mcp_servers.trading_arguments import (
    GroupArgument,
    KeyArgument,
    LotsArgument,
    MoneyArgument,
    Number,
    OptionalQuantity,
    OrderArguments,
    PriceArgument,
    ReasonArgument,
    SymbolArgument,
    TrailArgument,
    WeightsArgument,
    read_exits,
    read_number,
    read_reason,
    read_symbol,
    read_targets,
    read_terms,
)
from mcp_servers.trading_desk import NO_GUARD, Ask, Desk, Guard, Wish
from mcp_servers.trading_rebalancing import (
    BandEndArgument,
    CostArgument,
    DriftArgument,
    TaxArgument,
    read_policy,
    tax_lots_of,
)
from schemas.base import MILLIONTH, plain
from schemas.errors import BadConfiguration
from schemas.execution import ExecutionModel
from schemas.orders import OrderType, Side, TimeInForce
from schemas.risk import RiskLimits
from schemas.trading import (
    AccountAnswer,
    ExplainedTrade,
    Holdings,
    LotsAnswer,
    ModeAnswer,
    OrderColumns,
    PlacedOrder,
    PositionsAnswer,
    PreviewAnswer,
    RebalanceAnswer,
    SkippedSymbol,
    TradingMode,
)
from trading.execution.words import execution_assumptions
from trading.gate import Rules
from trading.rebalance import MIN_ORDER, Skipped, rebalance

_INSTRUCTIONS = (
    "Trade one account. Everything shown was known before the session opens; orders fill in the "
    "session, at prices not known yet, plus costs. Every order passes a risk gate first."
)
_RULES = (
    "Of what fills at one time of the day sells go before buys; their cash can be spent then.",
    "A buy that exceeds the cash at the fill is cut to what the cash buys.",
    "What has not filled of a day order when its session ends has expired.",
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
    guard: Guard = NO_GUARD,
) -> MCPServer:
    """Build the server of one account; `scope` is the run key or the account's name.

    `execution` is how the broker fills and what it charges, for estimates; `guard` what stands
    over the account beside its limits. An unknown `mode` raises
    `BadConfiguration`.
    """
    known = {str(each): each for each in get_args(TradingMode)}
    if mode not in known:
        raise BadConfiguration(f"trading mode {mode!r} is none of {', '.join(sorted(known))}")
    rules = Rules(limits, execution, frozenset(market.info().symbols))
    desk = Desk(clock, market, broker, rules, scope=scope, tick=tick, agent=agent, guard=guard)
    tools = _Tools(desk, known[mode])
    server = new_server("trading", _INSTRUCTIONS)
    for function, title, kind in (
        (tools.get_mode, "Account and rules", READ),
        (tools.get_account, "Account", READ),
        (tools.get_positions, "Positions", READ),
        (tools.get_lots, "Lots of a holding", READ),
        (tools.preview_order, "Preview an order", READ),
        (tools.place_order, "Place an order", WRITE),
        (tools.rebalance_to_weights, "Rebalance to target weights", WRITE),
        (tools.cancel_order, "Cancel an order", REMOVE),
        (tools.list_orders, "Orders of the session", READ),
        (tools.explain_trade, "How a trade came about", READ),
    ):
        name = f"trading_{function.__name__}"
        add_tool(server, function, name=name, title=title, annotations=kind)
    return server


class _Tools:
    """The tools; their docstrings are what a model reads."""

    def __init__(self, desk: Desk, mode: TradingMode) -> None:
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
            halted=rules.limits.halted or self._desk.halted(),
            limits=rules.limits,
            execution=rules.execution,
            rules=(*_filling(rules, self._desk.market), *_RULES, *_borrowing(rules.limits)),
        )

    async def get_account(self) -> AccountAnswer:
        """Show cash, equity and holdings at the last known closes, holdings in columns."""
        mark = self._desk.broker.account()
        working = sum(order.is_working for order in self._desk.broker.orders())
        return AccountAnswer(
            session=self._desk.broker.session(),
            marked_at=mark.session,
            currency=mark.currency,
            cash=mark.cash,
            market_value=mark.market_value,
            accrued=mark.accrued,
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

    async def get_lots(self, symbol: SymbolArgument) -> LotsAnswer:
        """Show the lots of a holding with what they cost and would gain, oldest first, in columns.

        `trading_place_order` takes their ids in `lots`, to sell those first.
        """
        name, broker = read_symbol(symbol), self._desk.broker
        method = self._desk.rules.execution.lots
        return lot_columns(name, broker.account(), broker.lots(name), method=method)

    async def preview_order(
        self,
        symbol: SymbolArgument,
        side: Side,
        quantity: OptionalQuantity = None,
        *,
        order_type: OrderType = "market",
        time_in_force: TimeInForce = "day",
        notional: MoneyArgument = None,
        limit_price: PriceArgument = None,
        stop_price: PriceArgument = None,
        trail_amount: PriceArgument = None,
        trail_share: TrailArgument = None,
    ) -> PreviewAnswer:
        """Say whether an order would pass the gate and what it would come to at the last known
        close plus costs. Nothing is placed.
        """
        terms = read_terms(
            OrderArguments(
                order_type=order_type,
                time_in_force=time_in_force,
                notional=notional,
                limit_price=limit_price,
                stop_price=stop_price,
                trail_amount=trail_amount,
                trail_share=trail_share,
            )
        )
        ask = Ask(read_symbol(symbol), side, quantity, terms)
        book = self._desk.book([ask.symbol])
        intent = self._desk.intent(ask, book)
        verdict = self._desk.judged(intent, book)
        if intent.symbol not in book.prices:
            return PreviewAnswer(
                accepted=False,
                denied=as_limit(verdict.denial),
                symbol=intent.symbol,
                side=side,
                quantity=intent.quantity,
            )
        passed = intent if verdict.denial else verdict.intent
        after = book if verdict.denial else book.with_order(passed)
        cost = book.estimate(passed)
        return PreviewAnswer(
            accepted=verdict.denial is None,
            denied=as_limit(verdict.denial),
            symbol=intent.symbol,
            side=side,
            quantity=passed.quantity,
            last_close=book.prices[intent.symbol],
            amount=cost.amount,
            commission=cost.commission,
            cash_after=after.cash,
        )

    async def place_order(
        self,
        symbol: SymbolArgument,
        side: Side,
        quantity: OptionalQuantity = None,
        reason: ReasonArgument = "",
        *,
        order_type: OrderType = "market",
        time_in_force: TimeInForce = "day",
        notional: MoneyArgument = None,
        limit_price: PriceArgument = None,
        stop_price: PriceArgument = None,
        trail_amount: PriceArgument = None,
        trail_share: TrailArgument = None,
        take_profit: PriceArgument = None,
        stop_loss: PriceArgument = None,
        oco_group: GroupArgument = None,
        lots: LotsArgument = (),
        client_key: KeyArgument = None,
    ) -> PlacedOrder:
        """Place an order. The answer is `accepted`, or `denied` with the limit and by how much. It
        fills later, at a price nobody knows yet.

        `order_type` limit needs limit_price, stop needs stop_price, stop_limit both, trailing_stop
        one of trail_amount and trail_share. `time_in_force`: day, gtc (until cancelled), ioc and
        fok (at once in part, or whole, or not), at_open, at_close. take_profit and stop_loss are
        placed as a limit and a stop the other way, once the order has filled; one cancels the
        other.
        """
        why = read_reason(reason)
        terms = read_terms(
            OrderArguments(
                order_type=order_type,
                time_in_force=time_in_force,
                notional=notional,
                limit_price=limit_price,
                stop_price=stop_price,
                trail_amount=trail_amount,
                trail_share=trail_share,
                oco_group=None if oco_group is None else self._desk.group(oco_group),
                lots=lots,
            )
        )
        exits = read_exits(take_profit, stop_loss)
        ask = Ask(read_symbol(symbol), side, quantity, terms, client_key)
        book = self._desk.book([ask.symbol])
        wish = Wish(self._desk.intent(ask, book), why, client_key)
        if exits:
            return self._desk.place_bracket(wish, exits, book)
        return self._desk.place(wish, book)[0]

    async def rebalance_to_weights(
        self,
        weights: WeightsArgument,
        reason: ReasonArgument,
        min_order: Annotated[
            Number, Field(description="trades worth less money than this are left out")
        ] = str(MIN_ORDER),
        *,
        drift: DriftArgument = "0",
        to: BandEndArgument = "target",
        cost_aware: CostArgument = False,
        tax_aware: TaxArgument = False,
    ) -> RebalanceAnswer:
        """Place the sells and buys that bring the account to target weights, in one call.

        Weights lie between 0 and 1 and sum to 1 at most; what is held and not named is sold. Sizes
        are taken at the last known closes with costs and a small price rise allowed for. Working
        orders count as done. Symbols without a price are skipped and named. `drift` and
        `cost_aware` leave a name alone that is near enough to its target; `left_alone` says which
        and why. To enter a name, or to leave it, waits for neither.
        """
        targets = read_targets(weights)
        why = read_reason(reason)
        smallest = read_number(min_order, "min_order")
        policy = read_policy(drift, to, cost_aware=cost_aware)
        book = self._desk.book(targets)
        plan = rebalance(
            targets,
            book,
            min_order=max(smallest, Decimal()),
            policy=policy,
            tax_lots=tax_lots_of(targets, book, broker=self._desk.broker) if tax_aware else None,
        )
        orders: list[PlacedOrder] = []
        for intent in plan.intents:
            order, book = self._desk.place(Wish(intent, why), book)
            orders.append(order)
        return RebalanceAnswer(
            order_ids=tuple(order.client_order_id for order in orders),
            symbols=tuple(order.symbol for order in orders),
            sides=tuple(order.side for order in orders),
            quantities=tuple(order.quantity for order in orders),
            statuses=tuple(order.status for order in orders),
            denied=tuple(order.denied for order in orders if order.denied),
            skipped=_rows(plan.skipped),
            left_alone=_rows(plan.left_alone),
        )

    async def cancel_order(
        self, client_order_id: Annotated[str, Field(max_length=36)]
    ) -> PlacedOrder:
        """Cancel a working order; what has filled of it stays."""
        return as_placed(self._desk.broker.cancel(client_order_id), None)

    async def list_orders(self) -> OrderColumns:
        """List the orders of the session, and older ones that still work, in columns."""
        broker = self._desk.broker
        return order_columns(broker.session(), broker.orders())

    async def explain_trade(
        self, client_order_id: Annotated[str, Field(max_length=36)]
    ) -> ExplainedTrade:
        """Show all that is known of one order: its terms, what the gate found, every move with its
        cause, and every fill with each cost.
        """
        order = self._desk.broker.order(client_order_id)
        return explained(order, self._desk.broker.fills(since=order.session))


def _rows(skipped: Iterable[Skipped]) -> tuple[SkippedSymbol, ...]:
    return tuple(SkippedSymbol(symbol=each.symbol, reason=each.reason) for each in skipped)


def _filling(rules: Rules, market: MarketData) -> tuple[str, ...]:
    return execution_assumptions(rules.execution, close_only=market.info().close_only)


def _borrowing(limits: RiskLimits) -> tuple[str, ...]:
    if not (limits.allow_short or limits.allow_leverage):
        return ("There is no borrowing and no short selling.",)
    may = "Short selling" if limits.allow_short else "Borrowing"
    both = "Borrowing and short selling" if limits.allow_short and limits.allow_leverage else may
    return (f"{both} may take the positions to {plain(limits.max_gross_share)} times the equity.",)


def _weight(value: Decimal, equity: Decimal) -> Decimal:
    # Cut, not rounded: the weights shown can be handed back as targets and sum to 1 at most.
    return (value / equity).quantize(MILLIONTH, rounding=ROUND_DOWN) if equity else Decimal()
