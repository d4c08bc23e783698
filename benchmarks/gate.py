"""What the risk gate takes of an order, with its default limits and with all of them.

`python -m benchmarks.gate` prints median, p10 and p90 in microseconds for 20 and 100 holdings: the
book, `check` and `examine` of one order with the default limits; the same with every limit on (six
tails over 252 sessions, correlations, sectors, margin, volume, ten rules); the same beside a sale
that counts as filled, when all is measured twice; the first order of a session, when the past is
loaded and its correlations are computed; and what a run's guard takes after 10 000 sessions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from schemas.account import AccountMark, PositionMark
from schemas.base import to_micro
from schemas.execution import ExecutionModel
from schemas.risk import RiskLimits
from trading.breakers.marks import Mark
from trading.gate import (
    EquityFold,
    EquityHistory,
    Moment,
    RiskHistory,
    Rules,
    SessionRisk,
    check,
    equity_history,
    examine,
    open_book,
)
from trading.orders import OrderIntent

_ROUNDS = 400
_TAILS = [
    {"confidence": level, "method": method, "max_var": "0.9", "max_cvar": "0.9"}
    for level in ("0.95", "0.99")
    for method in ("historical", "gaussian", "cornish_fisher")
]


def _everything(symbols: tuple[str, ...]) -> RiskLimits:
    """Every limit on, each loose enough that the order passes: nothing ends early."""
    measures = ("order_value", "position_share", "sector_share", "gross_share", "volume_share")
    rules = [
        {"id": f"r{n}", "measure": measure, "max": 10**9}
        for n, measure in enumerate(measures + measures)
    ]
    return RiskLimits.model_validate(
        {
            "max_position_share": "0.5",
            "max_positions": len(symbols),
            "max_sector_share": "0.9",
            "sectors": {symbol: f"Sector {n % 11}" for n, symbol in enumerate(symbols)},
            "max_gross_share": "1.5",
            "max_net_share": "1.2",
            "min_cash_share": "0.01",
            "correlation": {"above": "0.7", "max_share": "0.9"},
            "tail": _TAILS,
            "max_order_value": "1000000.00",
            "max_order_quantity": 100_000,
            "price_collar": "0.5",
            "max_price_age_sessions": 3,
            "max_volume_share": "0.9",
            "max_orders_per_minute": 1000,
            "max_day_loss": "0.5",
            "max_drawdown": "0.5",
            "restricted": ["ZZZ"],
            "market_hours": "session_only",
            "allow_short": True,
            "rules": rules,
        }
    )


class _Case:
    """An account of so many holdings, a tenth of it in cash, and three years of its past."""

    def __init__(self, holdings: int) -> None:
        self.symbols = tuple(f"S{n:03}" for n in range(holdings))
        rolls = np.random.default_rng(1)
        self.closes = {
            s: to_micro(float(p))
            for s, p in zip(self.symbols, rolls.uniform(5, 500, holdings), strict=True)
        }
        self.returns = rolls.normal(0, 0.02, (756, holdings)) + rolls.normal(0, 0.01, (756, 1))
        marks: list[PositionMark] = []
        for symbol, price in self.closes.items():
            units = to_micro(Decimal(100_000) / holdings / price)
            value = (units * price).quantize(Decimal("0.01"))
            mark = PositionMark(
                symbol=symbol, quantity=units, cost=value, price=price, market_value=value
            )
            marks.append(mark)
        worth = sum((mark.market_value for mark in marks), Decimal("0.00"))
        cash = Decimal("11111.11")
        self.account = AccountMark(
            session=None,
            currency="USD",
            cash=cash,
            market_value=worth,
            equity=cash + worth,
            positions=tuple(marks),
        )
        self.intent = OrderIntent(self.symbols[3], "buy", Decimal("2.5"))
        self.moment = Moment(
            is_open=True,
            agent="alpha",
            ages=dict.fromkeys(self.symbols, 0),
            equity=EquityHistory(self.account.equity, self.account.equity),
        )

    def risk(self) -> SessionRisk:
        volumes = np.full(self.returns.shape, 1e6)
        return SessionRisk(lambda: RiskHistory(self.symbols, self.returns, volumes))

    def rules(self, limits: RiskLimits, risk: SessionRisk | None = None) -> Rules:
        return Rules(limits, ExecutionModel(), frozenset(self.symbols), risk=risk)

    def order(self, rules: Rules, *, selling: bool = False) -> None:
        """One order from the account to the verdict, `selling` beside a working sale."""
        book = open_book(self.account, (), prices=self.closes, rules=rules, moment=self.moment)
        if selling:
            book = book.with_order(OrderIntent(self.symbols[5], "sell", Decimal(1)))
        verdict = examine(self.intent, book)
        if verdict.denial is not None:
            raise AssertionError(verdict.denial.message)


def _measure(name: str, work: Callable[[], object], *, rounds: int = _ROUNDS) -> None:
    taken: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1e6)
    low, middle, high = np.percentile(taken, [10, 50, 90])
    print(f"{name:52} {middle:8.1f} us   p10 {low:8.1f}   p90 {high:8.1f}")


def main() -> None:
    """Measure both accounts."""
    for holdings in (20, 100):
        case = _Case(holdings)
        plain = case.rules(RiskLimits())
        full = case.rules(_everything(case.symbols), case.risk())
        book = open_book(case.account, (), prices=case.closes, rules=plain, moment=case.moment)
        at = f"{holdings} holdings"
        _measure(
            f"{at}, defaults: book",
            lambda: open_book(case.account, (), prices=case.closes, rules=plain),  # noqa: B023 -- called here
        )
        _measure(f"{at}, defaults: check", lambda: check(case.intent, book))  # noqa: B023
        _measure(f"{at}, defaults: book and examine", lambda: case.order(plain))  # noqa: B023
        _measure(f"{at}, all limits: book and examine", lambda: case.order(full))  # noqa: B023
        _measure(
            f"{at}, all limits, beside a sale",
            lambda: case.order(full, selling=True),  # noqa: B023
        )
        _measure(
            f"{at}, all limits: first order of a session",
            lambda: case.order(case.rules(full.limits, case.risk())),  # noqa: B023
            rounds=20,
        )
    _sessions()


def _sessions() -> None:
    """What each order and each session take of a guard that has seen 10 000 marks."""
    first = date(2000, 1, 3)
    marks = [
        Mark(first + timedelta(days=n), Decimal(100_000 + n % 977), paid_in=Decimal(n % 2))
        for n in range(10_000)
    ]
    fold = EquityFold()
    for mark in marks:
        fold = fold.fed(mark)
    following = Mark(first + timedelta(days=10_000), Decimal(100_000))
    _measure("10 000 marks: what losses are measured from", lambda: fold.history)
    _measure("10 000 marks: one more", lambda: fold.fed(following))
    _measure("10 000 marks: from the beginning", lambda: equity_history(marks), rounds=20)


if __name__ == "__main__":
    main()
