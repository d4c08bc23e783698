"""A trading job for tests of the report: invented prices, real arithmetic.

The twenty tickers do not exist, their prices are drawn from a seeded generator and every session
is a weekday. What is computed from them is computed as the house computes it: fills to the cent,
curves that add up, loan figures by `lending`, metrics by `quant`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache

import numpy as np

from quant.metrics import performance
from schemas.agents import (
    AgentDecision,
    TargetWeight,
    ToolCallRecord,
    TradingDecision,
)
from schemas.base import ZERO, sha256_of, to_cents, to_micro
from schemas.execution import ExecutionModel
from schemas.jobs import SimulationRequest
from schemas.market import DatasetInfo
from schemas.orders import Fill, Order
from schemas.results import (
    BenchmarkResult,
    CostSummary,
    DecisionRecord,
    EquityCurve,
    JobResults,
    RunResult,
    Trade,
)
from tests.orchestrator.report_scores import sample_score

SYMBOLS = tuple(f"{a}{b}CO" for a in "ABDFG" for b in "AEIO")
CASH = Decimal("100000.00")
MODELS = ("buy-and-hold", "equal-weight", "momentum", "min-variance")
START, END = date(2020, 1, 2), date(2022, 12, 28)
DATASET = DatasetInfo(
    name="invented",
    description="Twenty companies that do not exist, drawn from a seeded generator.",
    data_hash=sha256_of("invented"),
    calendar="XNYS",
    currency="USD",
    close_only=True,
    adjustment="split_dividend",
    symbols=SYMBOLS,
    benchmarks=("INDEX",),
    caveats=(
        "Every price is invented; no conclusion about any market can be drawn.",
        "The twenty stocks were picked by hand and all of them survived: real markets are harsher.",
        "The index is a price index without dividends, which flatters the stocks beside it.",
    ),
)


@cache
def weekdays(start: date, end: date) -> tuple[date, ...]:
    days = (end - start).days + 1
    found = (start + timedelta(days=k) for k in range(days))
    return tuple(day for day in found if day.weekday() < 5)


@cache
def prices(start: date, end: date) -> np.ndarray:
    """(T, 20) closes with a common factor and one crash."""
    draw = np.random.default_rng(20200102)
    days = weekdays(start, end)
    market = draw.normal(0.0006, 0.010, len(days))
    market[40:62] += -0.017
    market[64:90] += 0.012
    own = draw.normal(0.0, 0.012, (len(days), len(SYMBOLS)))
    drift = np.linspace(-0.0004, 0.0007, len(SYMBOLS))
    beta = np.linspace(0.6, 1.4, len(SYMBOLS))
    steps = np.exp(np.cumsum(market[:, None] * beta + own + drift, axis=0))
    return np.round(steps * np.linspace(20, 260, len(SYMBOLS)), 3)


@cache
def closes_by_day() -> dict[tuple[str, date], Decimal]:
    found = prices(START, END)
    return {
        (symbol, day): to_micro(float(found[t, k]))
        for t, day in enumerate(weekdays(START, END))
        for k, symbol in enumerate(SYMBOLS)
    }


def _targets(model: str, closes: np.ndarray, t: int) -> dict[str, float] | None:
    """The weights a policy wants at session t from closes before it; None to hold."""
    n = len(SYMBOLS)
    if model == "buy-and-hold":
        return dict.fromkeys(SYMBOLS, 1 / n) if t == 0 else None
    if t % 21:
        return None
    if model == "equal-weight" or t < 63:
        return dict.fromkeys(SYMBOLS, 1 / n)
    past = closes[t - 63 : t]
    if model == "momentum":
        best = sorted(np.argsort(past[-1] / past[0])[-5:])
        return {SYMBOLS[k]: 0.19 for k in best}
    spread = 1 / np.std(np.diff(np.log(past), axis=0), axis=0) ** 2
    return {s: float(w) for s, w in zip(SYMBOLS, spread / spread.sum() * 0.98, strict=True)}


@dataclass
class Book:
    """A cash account that fills at the close with the request's costs."""

    cash: Decimal = CASH
    held: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    cost: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    trades: list[Trade] = field(default_factory=list)

    def value(self, marks: dict[str, Decimal]) -> Decimal:
        return sum((to_cents(q * marks[s]) for s, q in self.held.items()), ZERO)

    def trade(self, symbol: str, wanted: Decimal, mark: Decimal, *, day: date, reason: str) -> None:
        side = "buy" if wanted > 0 else "sell"
        half, slip = (to_micro(mark * Decimal("0.0002")) for _ in range(2))
        price = mark + half + slip if side == "buy" else mark - half - slip
        asked = abs(wanted)
        size = min(asked, to_micro(self.cash * Decimal("0.9998") / price - Decimal("0.000001")))
        size = size if side == "buy" else asked
        if size <= 0:
            return
        amount = to_cents(size * price)
        fee = to_cents(amount * Decimal("0.0001"))
        gain = None
        if side == "buy":
            self.cash -= amount + fee
            self.held[symbol] += size
            self.cost[symbol] += amount
        else:
            part = to_cents(self.cost[symbol] * size / self.held[symbol])
            gain = amount - fee - part
            self.cash += amount - fee
            self.held[symbol] -= size
            self.cost[symbol] -= part
        order_id = sha256_of([str(day), symbol, side, len(self.trades)])[:32]
        fill = Fill(
            fill_id=order_id, client_order_id=order_id, agent="alpha_trading",
            session=day, symbol=symbol, side=side,
            quantity=size, reference_price=mark, price=price, amount=amount, commission=fee,
            spread_cost=to_cents(size * half), slippage_cost=to_cents(size * slip),
            convention="close", realised_gain=gain,
        )  # fmt: skip
        cut = None if size == asked else "cut to what cash buys"
        self.trades.append(
            Trade(fill=fill, reason=reason, requested_quantity=asked, status_reason=cut)
        )


def as_of(day: date) -> datetime:
    return datetime.combine(day, time(14, 30), UTC)


def call(tool: str, **arguments: str | int) -> ToolCallRecord:
    return ToolCallRecord(
        tool=tool, arguments=dict(arguments), result_sha256=sha256_of(tool), result_bytes=2048
    )


def trading_decision(
    model: str, weights: dict[str, float] | None, orders: tuple[str, ...], *, drift: float
) -> AgentDecision:
    """What a policy says: a hold that repeats itself, or a rebalance with its targets."""
    name = f"baseline:{model}"
    calls = (call("prices_get_returns", lookback=63), call("trading_get_account"))
    if weights is None:
        output = TradingDecision(
            rationale="No rebalance is due before the month has passed.", confidence=1.0,
            evidence=("trading_get_account",), features={"drift": drift}, action="hold",
        )  # fmt: skip
        return AgentDecision(
            agent="alpha_trading", model=name, output=output, tool_calls=calls[1:], steps=1
        )
    output = TradingDecision(
        rationale=f"The {model} rule asks for {len(weights)} stocks; the portfolio has drifted by "
        f"{drift:.1%} of equity, so it is brought back.",
        confidence=1.0, evidence=tuple(c.tool for c in calls),
        features={"drift": drift, "positions": float(len(weights))},
        action="invest" if not drift else "rebalance",
        target_weights=tuple(
            TargetWeight(symbol=s, weight=to_micro(w)) for s, w in weights.items()
        ),
        order_ids=orders,
    )  # fmt: skip
    return AgentDecision(
        agent="alpha_trading", model=name, output=output, tool_calls=calls, steps=3
    )


def run_model(model: str, start: date = START, end: date = END) -> RunResult:
    """Run one policy over the invented prices."""
    days, closes = weekdays(start, end), prices(start, end)
    book = Book()
    columns: list[tuple[Decimal, Decimal, Decimal]] = []
    decisions: list[DecisionRecord] = []
    for t, day in enumerate(days):
        marks = {s: to_micro(float(p)) for s, p in zip(SYMBOLS, closes[t], strict=True)}
        weights = _targets(model, closes, t)
        before = len(book.trades)
        equity = book.cash + book.value(marks)
        drift = 0.0
        if weights is not None:
            deltas: dict[str, Decimal] = {}
            for symbol in SYMBOLS:
                goal = to_micro(float(equity) * weights.get(symbol, 0.0) / float(marks[symbol]))
                deltas[symbol] = goal - book.held[symbol]
            drift = sum(abs(float(d * marks[s])) for s, d in deltas.items()) / 2 / float(equity)
            for symbol, delta in sorted(deltas.items(), key=lambda item: item[1] > 0):
                if delta:
                    share = weights.get(symbol, 0.0)
                    reason = f"{model}: bring {symbol} to {share:.1%} of equity"
                    book.trade(symbol, delta, marks[symbol], day=day, reason=reason)
        orders = tuple(t.fill.client_order_id for t in book.trades[before:])
        made = trading_decision(model, weights, orders, drift=drift if t else 0.0)
        events = ("trading_day",)
        decisions.append(
            DecisionRecord(session=day, as_of=as_of(day), events=events, decision=made)
        )
        value = book.value(marks)
        columns.append((book.cash, value, book.cash + value))
    return _run_result(model, days, book=book, columns=columns, decisions=decisions)


def _run_result(model, days, *, book, columns, decisions) -> RunResult:
    cash, value, equity = (tuple(c) for c in zip(*columns, strict=True))
    fills = [trade.fill for trade in book.trades]
    commission, spread, slippage = (
        sum((getattr(f, name) for f in fills), ZERO)
        for name in ("commission", "spread_cost", "slippage_cost")
    )
    traded = float(sum((f.amount for f in fills), ZERO))
    mean = float(sum(equity, ZERO)) / len(equity)
    costs = CostSummary(
        commission=commission, spread=spread, slippage=slippage,
        total=commission + spread + slippage,
        turnover_annual=traded / 2 / mean / (len(days) / 252),
        mean_exposure=float(np.mean([float(v / e) for v, e in zip(value, equity, strict=True)])),
        model_cost_usd_micro=0,
    )  # fmt: skip
    yard = index_levels(days[0], days[-1])
    refused = Order(
        client_order_id="refused-1", agent="alpha_trading", sequence=20, session=days[0],
        symbol="ZZZZ", side="buy", quantity=Decimal(3), reason="a symbol outside the universe",
        status="denied", status_reason="ZZZZ is not in the universe.", placed_as_of=as_of(days[0]),
    )  # fmt: skip
    curve = EquityCurve(sessions=days, cash=cash, market_value=value, equity=equity)
    return RunResult(
        model=f"baseline:{model}", run_key=sha256_of([model, "run"]), state="completed",
        curve=curve,
        metrics=performance([float(e) for e in equity], benchmark=yard),
        costs=costs, trades=tuple(book.trades),
        refused_orders=(refused,) if model == "momentum" else (),
        decisions=tuple(decisions), abstentions=0, ledger_hash=sha256_of([model, "ledger"]),
        ledger_entries=1 + 4 * len(fills),
        score=sample_score(CASH, curve, book.trades, closes_by_day()),
    )  # fmt: skip


@cache
def index_levels(start: date, end: date) -> tuple[float, ...]:
    """An invented index of the same companies, worth the starting cash at the first close."""
    closes = prices(start, end)
    weights = np.linspace(2.0, 0.5, closes.shape[1])
    level = (closes / closes[0] * weights).sum(axis=1) / weights.sum()
    return tuple((float(CASH) * level).tolist())


def _benchmark(name: str, description: str, levels: tuple[float, ...]) -> BenchmarkResult:
    days = weekdays(START, END)[: len(levels)]
    return BenchmarkResult(
        name=name, description=description, sessions=days,
        equity=tuple(to_cents(Decimal(repr(round(v, 2)))) for v in levels),
        metrics=performance(levels) if len(levels) > 1 else None,
    )  # fmt: skip


@cache
def arena_job(models: tuple[str, ...] = MODELS, end: date = END) -> JobResults:
    closes = prices(START, END)
    size = len(weekdays(START, end))
    equal = tuple((float(CASH) * (closes / closes[0]).mean(axis=1)).tolist())[:size]
    return JobResults(
        title="Four rules against the index",
        request=SimulationRequest(
            models=tuple(f"baseline:{m}" for m in models), start_date=START, end_date=end,
            data="invented", cash=CASH, execution=ExecutionModel(),
        ),
        dataset=DATASET,
        universe=SYMBOLS,
        runs=tuple(_cut(run_model(model), size) for model in models),
        benchmarks=(
            _benchmark("Invented index", "Price index, no dividends, no costs.",
                       index_levels(START, END)[:size]),
            _benchmark("Equal weight", "All twenty, bought once, without costs.", equal),
        ),
        assumptions=(
            "Orders fill at the session's close plus half-spread and slippage.",
            "No short sales, no leverage; cash earns nothing.",
        ),
    )  # fmt: skip


def _cut(run: RunResult, size: int) -> RunResult:
    """The first `size` sessions of a run."""
    if size == len(run.curve.sessions):
        return run
    last = run.curve.sessions[size - 1]
    curve = EquityCurve(**{k: getattr(run.curve, k)[:size] for k in EquityCurve.model_fields})
    trades = tuple(t for t in run.trades if t.fill.session <= last)
    return run.model_copy(
        update={
            "curve": curve,
            "trades": trades,
            "decisions": tuple(d for d in run.decisions if d.session <= last),
            "metrics": performance([float(e) for e in curve.equity]) if size > 1 else None,
            "score": sample_score(CASH, curve, trades, closes_by_day()),
        }
    )
