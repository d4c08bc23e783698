"""Impact as published, and the cheapest way through it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from quant.impact import (
    LinearMarket,
    optimal_trajectory,
    permanent_share,
    square_root_share,
    temporary_share,
)
from schemas.errors import InvalidRequest

# Almgren, Thum, Hauptmann & Li (2005), the two worked examples: a tenth of a day's volume of a
# large and of a mid-sized company, traded within a tenth, a fifth and half of a day.
LARGE = {"units": 656_000.0, "volume": 6_561_000.0, "volatility": 0.0157}
MIDDLE = {"units": 193_000.0, "volume": 1_929_000.0, "volatility": 0.0226}

# Almgren & Chriss (2000), table 1: a million shares at 50, 30 % volatility a year, five days.
PAPER = LinearMarket(volatility=0.95, gamma=2.5e-7, eta=2.5e-6, epsilon=0.0625)


@pytest.mark.parametrize(
    ("trade", "inverse_turnover", "permanent", "temporary"),
    [(LARGE, 263.0, 20, [22, 15, 8]), (MIDDLE, 87.0, 22, [32, 21, 12])],
)
def test_impact_equals_the_figures_printed_for_the_calibrated_model(
    trade, inverse_turnover, permanent, temporary
):
    lasting = permanent_share(**trade, gamma=0.314, inverse_turnover=inverse_turnover)
    assert round(float(lasting) * 1e4) == permanent
    paid = [temporary_share(**trade, eta=0.142, days=days) for days in (0.1, 0.2, 0.5)]
    assert [round(float(each) * 1e4) for each in paid] == temporary


def test_square_root_law_charges_a_tenth_of_the_volatility_for_a_hundredth_of_the_volume():
    assert square_root_share(1_000, 100_000, 0.02, y=1.0) == pytest.approx(0.002)
    assert square_root_share(4_000, 100_000, 0.02, y=0.5) == pytest.approx(0.002)


def test_linear_model_doubles_with_the_order_and_halves_with_the_time():
    once = temporary_share(10, 1_000, 0.02, eta=0.142, days=1.0, exponent=1.0)
    assert once == pytest.approx(0.142 * 0.02 * 0.01)
    assert temporary_share(20, 1_000, 0.02, eta=0.142, days=1.0, exponent=1.0) == 2 * once
    assert temporary_share(10, 1_000, 0.02, eta=0.142, days=0.5, exponent=1.0) == 2 * once


@given(
    units=st.lists(st.floats(0, 1e9), min_size=1, max_size=5),
    volume=st.floats(1, 1e10),
    volatility=st.floats(0, 1),
)
def test_impact_of_many_orders_is_that_of_each_and_grows_with_the_size(units, volume, volatility):
    sizes = np.sort(units)
    for share in (
        lambda x: permanent_share(x, volume, volatility, gamma=0.314),
        lambda x: temporary_share(x, volume, volatility, eta=0.142, days=0.5),
        lambda x: square_root_share(x, volume, volatility, y=1.0),
    ):
        together = share(sizes)
        assert together.shape == sizes.shape
        assert (together >= 0.0).all()
        assert (np.diff(together) >= 0.0).all()
        assert together.tolist() == pytest.approx([float(share(size)) for size in sizes])


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_impact_refuses_figures_that_cannot_be(bad, place):
    figures = [100.0, 10_000.0, 0.02]
    figures[place] = bad
    with pytest.raises(InvalidRequest, match=["units", "volume", "volatility"][place]):
        square_root_share(*figures, y=1.0)


@pytest.mark.parametrize(
    "arguments",
    [
        {"eta": -0.1, "days": 1.0},
        {"eta": np.nan, "days": 1.0},
        {"eta": 0.142, "days": 0.0},
        {"eta": 0.142, "days": 1.0, "exponent": 0.0},
        {"eta": 0.142, "days": 1.0, "exponent": 1.5},
    ],
)
def test_impact_refuses_coefficients_that_cannot_be(arguments):
    with pytest.raises(InvalidRequest):
        temporary_share(100, 10_000, 0.02, **arguments)


def test_impact_refuses_a_day_without_volume_and_arrays_that_do_not_fit():
    with pytest.raises(InvalidRequest, match="volume must be above zero"):
        permanent_share([1.0, 2.0], [100.0, 0.0], 0.02, gamma=0.314)
    with pytest.raises(InvalidRequest, match="do not fit"):
        permanent_share([1.0, 2.0], [100.0, 1.0, 2.0], 0.02, gamma=0.314)


def test_trajectory_equals_the_example_of_the_paper():
    found = optimal_trajectory(1e6, PAPER, days=5, intervals=5, risk_aversion=1e-6)
    assert round(found.kappa, 2) == 0.61  # "κ ≈ 0.61/day"
    assert round(1 / found.kappa, 1) == 1.6  # "θ ≈ 1.6 days"
    # Its closed forms for cost and variance, beside our sums.
    k, t, days, units, eta = found.kappa, 1.0, 5.0, 1e6, 2.5e-6 - 2.5e-7 / 2
    both = t * np.sinh(2 * k * days) + 2 * days * np.sinh(k * t)
    cost = 2.5e-7 * units**2 / 2 + 0.0625 * units
    cost += eta * units**2 * np.tanh(k * t / 2) * both / (2 * t**2 * np.sinh(k * days) ** 2)
    assert found.expected_cost == pytest.approx(cost, rel=1e-12)
    spread = t * np.sinh(k * days) * np.cosh(k * (days - t)) - days * np.sinh(k * t)
    variance = 0.95**2 * units**2 * spread / (2 * np.sinh(k * days) ** 2 * np.sinh(k * t))
    assert found.variance == pytest.approx(variance, rel=1e-12)


def test_trajectory_without_risk_aversion_is_a_straight_line_at_the_printed_cost():
    found = optimal_trajectory(1e6, PAPER, days=5, intervals=5, risk_aversion=0.0)
    assert found.holdings.tolist() == pytest.approx([1e6, 8e5, 6e5, 4e5, 2e5, 0])
    # Permanent, spread and temporary part; the variance has T(1 − 1/N)(1 − 1/2N)/3 for factor.
    assert found.expected_cost == pytest.approx(125_000 + 62_500 + 475_000)
    assert found.variance == pytest.approx(0.95**2 * 1e12 * 5 * 0.8 * 0.9 / 3)


def test_trajectory_of_one_who_cannot_bear_risk_trades_at_once():
    found = optimal_trajectory(1e6, PAPER, days=5, intervals=5, risk_aversion=1e6)
    assert found.holdings[1] < 1e-4
    assert found.expected_cost == pytest.approx(62_500 + 2.5e-6 * 1e12)  # εX + ηX²/τ
    assert found.variance < 1.0


@pytest.mark.parametrize("risk_aversion", [1e-7, 1e-6, 5e-6])
def test_trajectory_is_what_a_numerical_search_finds(risk_aversion):
    found = optimal_trajectory(1e6, PAPER, days=3, intervals=6, risk_aversion=risk_aversion)

    def objective(between):
        held = np.concatenate(([1.0], between, [0.0])) * 1e6
        sold = -np.diff(held)
        permanent = (2.5e-7 * sold * held[1:]).sum()  # each sale lowers the price of the rest
        temporary = (0.0625 * np.abs(sold) + 2.5e-6 / 0.5 * sold**2).sum()
        return (permanent + temporary + risk_aversion * 0.95**2 * 0.5 * (held[1:] ** 2).sum()) / 1e6

    searched = minimize(objective, np.linspace(1, 0, 7)[1:-1], method="BFGS", tol=1e-10)
    assert found.holdings[1:-1] / 1e6 == pytest.approx(searched.x, abs=1e-5)
    ours = (found.expected_cost + risk_aversion * found.variance) / 1e6
    assert ours == pytest.approx(searched.fun, rel=1e-9)


def test_trajectory_of_a_purchase_mirrors_that_of_a_sale():
    sale = optimal_trajectory(1e6, PAPER, days=5, intervals=50, risk_aversion=1e-6)
    purchase = optimal_trajectory(-1e6, PAPER, days=5, intervals=50, risk_aversion=1e-6)
    assert (purchase.holdings == -sale.holdings).all()
    assert purchase.expected_cost == sale.expected_cost
    assert (np.diff(sale.holdings) < 0).all()


@pytest.mark.parametrize(
    "change",
    [
        {"days": 0.0},
        {"intervals": 0},
        {"risk_aversion": -1.0},
        {"risk_aversion": np.nan},
        {"units": np.inf},
        {"days": 200.0, "intervals": 1},  # η ≤ γτ/2
    ],
)
def test_trajectory_refuses_a_programme_that_cannot_be(change):
    asked = {"units": 1e6, "days": 5.0, "intervals": 5, "risk_aversion": 1e-6} | change
    with pytest.raises(InvalidRequest):
        optimal_trajectory(asked.pop("units"), PAPER, **asked)


def test_market_refuses_coefficients_below_zero():
    with pytest.raises(InvalidRequest, match="eta"):
        LinearMarket(volatility=0.95, gamma=2.5e-7, eta=-2.5e-6)
