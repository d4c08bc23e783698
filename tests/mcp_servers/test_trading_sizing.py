"""A buy without a quantity is as large as the sizing rule says, beside what is held."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.covariance import ledoit_wolf

from adapters.market.table import PriceArrays, PriceTable
from schemas.risk import RiskLimits, Sizing
from tests.mcp_servers.desks import Desk
from tests.mcp_servers.test_trading_limits import LONG
from tests.trading.samples import FREE, NYSE, SYMBOLS, table

PARITY = Sizing(method="risk_parity", window=60, cap=Decimal("0.9"))
FIRST = len(LONG) - 5
ABOVE = (1e-6, None)


def walks() -> Any:
    """Closes (T, 4): BBB moves much more than AAA and somewhat with it, CCC and LATE by themselves.

    Steps of CCC and LATE are as large as those of AAA, and LATE's go with those of CCC.
    """
    steps = np.random.default_rng(11).normal(0, 0.01, (len(LONG), 4))
    steps[:, 1] = 1.5 * steps[:, 0] + 2.5 * steps[:, 1]
    steps[:, 3] = 0.8 * steps[:, 2] + 0.6 * steps[:, 3]
    return np.round(np.array([100.0, 50.0, 20.0, 40.0]) * np.exp(np.cumsum(steps, axis=0)), 4)


def desk(close: Any = None, *, sizing: Sizing = PARITY, first: int = FIRST, **limits: Any) -> Desk:
    close = walks() if close is None else close
    days = np.array(LONG, "datetime64[D]")
    arrays = PriceArrays(SYMBOLS, days, close, close, close, close, np.full_like(close, np.nan))
    info = table().info().model_copy(update={"data_hash": arrays.digest()})
    return Desk(
        RiskLimits(sizing=sizing, **limits),
        market=PriceTable(info, arrays, NYSE),
        execution=FREE,
        sessions=LONG,
        first=first,
    )


def holding(close: Any = None, /, **orders: str) -> Desk:
    """Return a desk that holds so many units of each; a negative number is short."""
    held = desk(close, allow_short=any(units.startswith("-") for units in orders.values()))
    for symbol, units in orders.items():
        side = "sell" if units.startswith("-") else "buy"
        answer = held.place(symbol=symbol, side=side, quantity=units.lstrip("-"))
        assert answer["status"] == "accepted"
    held.next()
    return held


def share(desk: Desk, symbol: str = "AAA") -> float:
    """Return the share of equity that a buy without a quantity would bring the name to."""
    seen = desk.call("preview_order", symbol=symbol, side="buy")
    assert isinstance(seen, dict), seen
    equity = Decimal(desk.call("get_account")["equity"])
    return float(Decimal(seen["quantity"]) * Decimal(seen["last_close"]) / equity)


def shrunk(desk: Desk, *symbols: str, close: Any = None, short: tuple[str, ...] = ()) -> Any:
    """Return the shrunk covariance of the last sixty returns on the sessions these share."""
    known = (walks() if close is None else close)[: desk.run.row]
    known = known[:, [SYMBOLS.index(each) for each in symbols]]
    known = known[~np.isnan(known).any(axis=1)][-61:]
    signs = np.array([-1 if each in short else 1 for each in symbols])
    return ledoit_wolf((known[1:] / known[:-1] - 1) * signs)[0]


def of_two(covariance: Any) -> float:
    """Return the first one's share: of two names it is as one over the deviation."""
    mine, other = np.sqrt(np.diag(covariance))
    return float(other / (mine + other))


def test_a_name_alone_gets_the_cap_by_risk_parity() -> None:
    for cap in ("0.25", "0.9"):
        alone = desk(sizing=PARITY.model_copy(update={"cap": Decimal(cap)}))
        assert share(alone) == pytest.approx(float(cap), abs=1e-6)


def test_beside_a_name_that_moves_more_a_calm_one_is_sized_larger() -> None:
    calm = holding(BBB="20")
    assert share(calm) == pytest.approx(of_two(shrunk(calm, "AAA", "BBB")), abs=1e-5)
    wild = holding(AAA="10")
    assert share(wild, "BBB") == pytest.approx(of_two(shrunk(wild, "BBB", "AAA")), abs=1e-5)
    assert share(calm) > 0.6
    assert share(wild, "BBB") < 0.4


def test_working_orders_count_as_held() -> None:
    one = desk()
    one.place(symbol="BBB", quantity="20")
    assert share(one) == pytest.approx(of_two(shrunk(one, "AAA", "BBB")), abs=1e-5)


def test_what_is_held_of_the_name_itself_is_taken_off_and_is_no_name_beside_it() -> None:
    one = holding(AAA="10")
    worth = Decimal(one.call("get_account")["positions"]["market_values"][0])
    equity = Decimal(one.call("get_account")["equity"])
    assert share(one) == pytest.approx(0.9 - float(worth / equity), abs=1e-5)


@pytest.mark.parametrize("short", [(), ("LATE",)])
def test_beside_several_each_carries_the_same_risk_and_a_short_one_moves_the_other_way(
    short: tuple[str, ...],
) -> None:
    one = holding(BBB="20", CCC="50", LATE="-20" if short else "20")
    covariance = shrunk(one, "AAA", "BBB", "CCC", "LATE", short=short)
    # Equal risks are where ½w'Sw − Σ ln w is least (Maillard, Roncalli & Teïletche, 2010).
    scaled = covariance / covariance.mean()
    least = minimize(lambda w: w @ scaled @ w / 2 - np.log(w).sum(), np.ones(4), bounds=[ABOVE] * 4)
    assert share(one) == pytest.approx(least.x[0] / least.x.sum(), abs=1e-4)


def test_returns_are_of_the_sessions_that_all_of_them_share() -> None:
    close = walks()
    close[30 : len(LONG) - 8 : 7, SYMBOLS.index("BBB")] = np.nan
    one = holding(close, BBB="20")
    assert share(one) == pytest.approx(of_two(shrunk(one, "AAA", "BBB", close=close)), abs=1e-5)
    assert abs(share(one) - of_two(shrunk(one, "AAA", "BBB"))) > 1e-4


def test_beside_a_name_of_too_short_a_past_none_is_sized_and_it_is_said() -> None:
    close = walks()
    close[:60, SYMBOLS.index("BBB")] = np.nan
    one = holding(close, BBB="20")
    said = one.call("preview_order", symbol="AAA", side="buy")
    assert "AAA cannot be sized beside what is held: risk_parity sizing needs 60 returns" in said
    assert one.place(quantity="1")["status"] == "accepted"


def test_what_trades_no_more_is_not_weighed() -> None:
    close = walks()
    close[len(LONG) - 16 :, SYMBOLS.index("BBB")] = np.nan
    one = desk(close, first=len(LONG) - 18)
    one.place(symbol="BBB", quantity="20")
    shares: list[float] = []
    for _ in range(15):
        one.next()
        assert one.call("get_positions")["symbols"] == ["BBB"]
        shares.append(share(one))
    # Its last close is that of the second; it counts as traded for ten sessions after.
    assert [round(each, 6) == 0.9 for each in shares] == [False] * 12 + [True] * 3
