"""A request says who released an enforced breaker, and a run does it again each time."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from adapters.kill_switch import MemoryKillSwitch
from orchestrator.guard import RunGuard
from orchestrator.halts import HaltWatch
from schemas.account import AccountMark
from schemas.jobs import SimulationRequest
from schemas.tick import Tick
from trading.ledger import Heading, Movement, Tip, append

CAPITAL = Decimal("100.00")


def tick(n: int, equity: str) -> Tick:
    session = date(2020, 3, 2 + n)
    mark = AccountMark(
        session=session,
        currency="USD",
        cash=Decimal(equity),
        market_value=Decimal("0.00"),
        equity=Decimal(equity),
    )
    heading = Heading("t", "deposit", session, "capital", "USD")
    moves = [Movement("assets:cash", CAPITAL), Movement("equity:capital", -CAPITAL)]
    return Tick(
        n=n,
        session=session,
        as_of=datetime(2020, 3, 2 + n, 14, 30, tzinfo=UTC),
        events=(),
        transactions=() if n else (append(Tip(), heading, movements=moves),),
        mark=mark,
        ledger_hash="0" * 64,
    )


def guard(**breakers: Any) -> RunGuard:
    parsed = SimulationRequest.model_validate(
        {
            "models": ["baseline:buy-and-hold"],
            "start_date": "2020-03-02",
            "end_date": "2020-03-31",
            "limits": {"breakers": breakers, "max_drawdown": 0.5},
        }
    )
    return RunGuard(parsed, HaltWatch(MemoryKillSwitch()))


PATH = ("100.00", "70.00", "71.00", "72.00")


@pytest.mark.parametrize("restoring", [False, True])
def test_a_named_release_lets_a_run_trade_again(restoring: bool) -> None:
    release = {"session": "2020-03-04", "by": "Ann Lee", "breaker": "drawdown_retire"}
    one = guard(
        mode="enforce",
        day_loss_stop=None,
        day_loss_halt=None,
        portfolio_day_loss_halt=None,
        drawdown_retire=0.2,
        releases=[release],
    )
    allowed: list[str] = []
    for n, equity in enumerate(PATH):
        _ = one.restore(tick(n, equity)) if restoring else one.judge(tick(n, equity))
        allowed.append(one.watch().allowed())
    assert allowed == ["all", "reduce_only", "all", "all"]
    assert one.equity().peak == 100


def test_a_request_that_names_a_breaker_only_records_it() -> None:
    one = guard(drawdown_retire=0.2)
    told = [one.judge(tick(n, equity)).breakers for n, equity in enumerate(PATH)]
    assert "drawdown_retire" in {event.breaker for event in told[1]}
    assert not any(event.enforced for events in told for event in events)
    assert one.watch().allowed() == "all"
