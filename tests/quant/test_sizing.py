"""Positions as large as they should be, and never larger."""

from decimal import Decimal
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quant.portfolio.covariance import shrunk_covariance
from quant.portfolio.risk_parity import risk_contributions
from quant.sizing import growth_rate, kelly_bet, kelly_shares, position_share, weights
from schemas.errors import InvalidRequest
from schemas.risk import Sizing

METHODS = ("fixed", "volatility_target", "kelly", "risk_parity")


def sizing(method, **changes):
    return Sizing(method=method, window=20, **{"cap": Decimal(1)} | changes)


def alternating(size, *, drift=0.0, rows=20):
    """Returns of drift ± size: their mean and deviation are known by heart."""
    return drift + size * np.tile([1.0, -1.0], rows // 2)


def market(rows=60, names=4, *, seed=7):
    rng = np.random.default_rng(seed)
    common = rng.normal(0.0004, 0.008, (rows, 1))
    return common + rng.normal(0.0006, 0.01, (rows, names)) * np.arange(1, names + 1)


def test_fixed_share_is_the_share_and_needs_no_history():
    assert position_share(sizing("fixed", share=Decimal("0.05")), []) == 0.05
    assert position_share(sizing("fixed", share=Decimal("0.4"), cap=Decimal("0.25")), []) == 0.25
    assert weights(sizing("fixed", share=Decimal("0.4")), market(names=4)).tolist() == [0.25] * 4


def test_volatility_target_holds_so_much_that_the_deviation_is_the_target():
    # ± 1 % has a sample deviation of 1 %·√(20/19) a session.
    deviation = 0.01 * np.sqrt(20 / 19) * np.sqrt(252)
    target = sizing("volatility_target", target_annual=Decimal("0.10"))
    assert position_share(target, alternating(0.01)) == pytest.approx(0.10 / deviation)
    calm = alternating(0.001)
    assert position_share(target, calm) == 1.0
    capped = sizing("volatility_target", target_annual=Decimal("0.10"), cap=Decimal("0.3"))
    assert position_share(capped, calm) == pytest.approx(0.3)


def test_volatility_target_of_several_names_is_met_ex_ante_or_all_is_invested():
    returns = market(rows=20)
    held = weights(sizing("volatility_target", target_annual=Decimal("0.10")), returns)
    assert held.sum() < 1.0
    deviation = np.std(returns @ held, ddof=1) * np.sqrt(252)
    assert deviation == pytest.approx(0.10)
    assert weights(sizing("volatility_target", target_annual=Decimal(1)), returns).sum() == (
        pytest.approx(1.0)
    )


@pytest.mark.parametrize(
    ("probability", "gain", "loss", "share"),
    [
        (0.53, 1.0, 1.0, 0.06),  # Thorp: p − q at even money
        (0.6, 1.0, 1.0, 0.20),
        (0.5, 2.0, 1.0, 0.25),  # the favourable coin that pays two to one
        (0.5, 1.0, 0.2, 2.0),  # little to lose: borrow
        (0.4, 1.0, 1.0, 0.0),
        (1.0, 1.0, 1.0, 1.0),
    ],
)
def test_kelly_bet_equals_the_closed_form(probability, gain, loss, share):
    assert kelly_bet(probability, gain=gain, loss=loss) == pytest.approx(share)


@given(probability=st.floats(0.05, 0.95), gain=st.floats(0.2, 5.0), loss=st.floats(0.2, 1.0))
def test_kelly_bet_grows_fastest_of_all_stakes(probability, gain, loss):
    stake = kelly_bet(probability, gain=gain, loss=loss)
    stakes = np.linspace(0.0, 0.999 / loss, 400)

    def growth(share):
        return probability * np.log1p(share * gain) + (1 - probability) * np.log1p(-share * loss)

    assert growth(stake) >= growth(stakes).max() - 1e-12


@pytest.mark.parametrize(
    "bad", [(-0.1, 1.0, 1.0), (1.1, 1.0, 1.0), (np.nan, 1.0, 1.0), (0.5, 0.0, 1.0), (0.5, 1, -1)]
)
def test_kelly_bet_refuses_odds_that_cannot_be(bad):
    with pytest.raises(InvalidRequest):
        kelly_bet(bad[0], gain=bad[1], loss=bad[2])


def test_kelly_shares_are_mean_over_variance_and_a_fraction_of_it():
    assert kelly_shares([0.0002], [[0.0004]]) == pytest.approx([0.5])
    assert kelly_shares([0.0002], [[0.0004]], fraction=0.5) == pytest.approx([0.25])
    assert kelly_shares([0.0002], [[0.0004]], cap=0.3) == pytest.approx([0.3])
    assert kelly_shares([-0.0002], [[0.0004]]) == pytest.approx([0.0])
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    expected = np.linalg.solve(covariance, [0.01, 0.02])
    assert kelly_shares([0.01, 0.02], covariance) == pytest.approx(expected)


def test_half_kelly_keeps_three_quarters_of_the_growth():
    mean, covariance = np.array([0.01, 0.02]), np.array([[0.04, 0.01], [0.01, 0.09]])
    full = growth_rate(kelly_shares(mean, covariance), mean, covariance)
    half = growth_rate(kelly_shares(mean, covariance, fraction=0.5), mean, covariance)
    assert full == pytest.approx(mean @ np.linalg.solve(covariance, mean) / 2)
    assert half / full == pytest.approx(0.75)


@given(
    mean=arrays(float, 3, elements=st.floats(-0.05, 0.1)),
    root=arrays(float, (3, 3), elements=st.floats(-0.3, 0.3)),
    cap=st.sampled_from([0.25, 0.5, 1.0]),
)
def test_kelly_shares_within_bounds_beat_every_point_of_a_grid(mean, root, cap):
    covariance = root @ root.T + 0.01 * np.eye(3)
    shares = kelly_shares(mean, covariance, cap=cap)
    assert (shares >= 0).all()
    assert (shares <= cap).all()
    assert shares.sum() <= 1 + 1e-12
    grid = np.array([p for p in product(np.linspace(0, cap, 9), repeat=3) if sum(p) <= 1 + 1e-12])
    rates = grid @ mean - np.einsum("ij,jk,ik->i", grid, covariance, grid) / 2
    assert growth_rate(shares, mean, covariance) >= rates.max() - 1e-12


def test_wealth_in_a_simulation_grows_at_the_promised_rate_and_slower_at_other_stakes():
    rng = np.random.default_rng(1956)
    mean, deviation = 0.0004, 0.02  # full Kelly is all of the wealth
    shocks = rng.normal(0, 1, 400_000)
    share = kelly_shares([mean], [[deviation**2]])[0]

    def grown(stake):
        step = stake * mean - (stake * deviation) ** 2 / 2  # of wealth rebalanced continuously
        return (step + stake * deviation * shocks).mean()

    noise = 4 * deviation / np.sqrt(len(shocks))
    promised = growth_rate([share], [mean], [[deviation**2]])
    assert share == pytest.approx(1.0)
    assert promised == pytest.approx(mean**2 / deviation**2 / 2)
    assert grown(share) == pytest.approx(promised, abs=noise)
    # Simple returns compounded once a period, without the limit: the optimum stays where it was.
    stakes = np.array([0.25, 0.5, 1.0, 1.5, 2.0])
    outcomes = mean + deviation * (shocks - shocks.mean()) / shocks.std()
    rates = [np.log1p(stake * outcomes).mean() for stake in stakes]
    assert stakes[int(np.argmax(rates))] == share
    assert abs(rates[-1]) < promised / 5  # twice Kelly grows not at all


def test_kelly_of_one_name_takes_mean_and_variance_of_the_window():
    returns = alternating(0.02, drift=0.0002)
    full = 0.0002 / (0.02**2 * 20 / 19)
    quarter = sizing("kelly", kelly_fraction=Decimal("0.25"))
    assert position_share(quarter, returns) == pytest.approx(full / 4)
    assert position_share(quarter, alternating(0.02, drift=-0.0002)) == 0.0


def test_risk_parity_gives_every_name_the_same_risk():
    returns = market(rows=20)
    held = weights(sizing("risk_parity"), returns)
    shares = risk_contributions(held, shrunk_covariance(returns))
    assert shares == pytest.approx([0.25] * 4)
    beside = position_share(sizing("risk_parity"), returns[:, 0], others=returns[:, 1:])
    assert beside == pytest.approx(held[0])
    assert position_share(sizing("risk_parity", cap=Decimal("0.3")), returns[:, 0]) == 0.3


@pytest.mark.parametrize("method", METHODS)
def test_one_name_alone_is_sized_like_a_portfolio_of_one(method):
    model = sizing(method, cap=Decimal("0.25"))
    column = market(rows=25, names=1)
    assert position_share(model, column[:, 0]) == weights(model, column)[0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(5))
def test_no_position_is_above_the_cap_and_never_more_than_all_is_invested(method, seed):
    model = sizing(method, cap=Decimal("0.3"), share=Decimal("0.5"), kelly_fraction=Decimal(1))
    held = weights(model, market(rows=30, names=6, seed=seed))
    assert (held >= 0).all()
    assert held.max() <= 0.3
    assert held.sum() <= 1 + 1e-12


@pytest.mark.parametrize("method", METHODS)
def test_size_depends_on_the_last_rows_of_the_window_alone(method):
    returns = market(rows=40)
    changed = returns.copy()
    changed[:20] *= 5.0
    model = sizing(method)
    assert weights(model, returns).tolist() == weights(model, changed).tolist()


@pytest.mark.parametrize("method", METHODS[1:])
def test_too_short_a_history_is_refused_and_says_how_much_is_missing(method):
    with pytest.raises(InvalidRequest, match="needs 20 returns; 19 are known"):
        position_share(sizing(method), alternating(0.01)[:19])


@pytest.mark.parametrize("method", METHODS[1:])
def test_history_that_tells_nothing_is_refused(method):
    with pytest.raises(InvalidRequest, match="never moves"):
        weights(sizing(method), np.column_stack((alternating(0.01), np.full(20, 0.001))))
    with pytest.raises(InvalidRequest, match="NaN"):
        position_share(sizing(method), np.append(alternating(0.01), np.nan))


def test_kelly_refuses_a_covariance_that_is_none():
    with pytest.raises(InvalidRequest, match="positive definite"):
        kelly_shares([0.1, 0.1], [[1.0, 1.0], [1.0, 1.0]])
    with pytest.raises(InvalidRequest, match="symmetric"):
        kelly_shares([0.1, 0.1], [[1.0, 0.5], [0.2, 1.0]])
    with pytest.raises(InvalidRequest, match="symmetric"):
        kelly_shares([0.1], [[1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(InvalidRequest, match="fraction"):
        kelly_shares([0.1], [[1.0]], fraction=1.5)
    with pytest.raises(InvalidRequest, match="others"):
        position_share(sizing("risk_parity"), alternating(0.01), others=market(rows=5))
