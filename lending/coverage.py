"""How an instalment is covered: the ratios, and the distribution over many fund paths.

Definitions of this product: `fund_coverage` is the fund's expected income a month over the
instalment (reported, never a threshold); `payment_coverage` adds the borrower's disposable income
and is what the targets apply to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from lending.schedule import split_principal
from schemas.base import ZERO, to_cents
from schemas.errors import InvalidRequest
from schemas.household import UnderwritingPolicy
from schemas.loan import (
    CoverageSimulation,
    CoverageSummary,
    LoanApplication,
    MonthlyQuantiles,
    Quantiles,
    Schedule,
)

_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class FundPlan:
    """The invested part: amount, expected return a year, and the floor it is not drawn below."""

    invested: Decimal
    return_annual: Decimal
    floor: Decimal = ZERO


def fund_plan(application: LoanApplication) -> FundPlan:
    """Return the fund an application asks for."""
    return FundPlan(
        invested=split_principal(application).invested,
        return_annual=application.expected_fund_return_annual,
        floor=application.fund_floor,
    )


def months_fund_alone(schedule: Schedule, fund: FundPlan) -> int:
    """Count the first instalments that the fund alone could pay at its expected return.

    It earns a twelfth of the yearly return before each instalment and is drawn down to the floor.
    """
    value = fund.invested
    for paid, row in enumerate(schedule.instalments):
        value += value * fund.return_annual / 12 - row.payment
        if value < fund.floor:
            return paid
    return len(schedule.instalments)


def summarise_coverage(
    schedule: Schedule,
    fund: FundPlan,
    *,
    disposable_income: Decimal,
    policy: UnderwritingPolicy | None = None,
) -> CoverageSummary:
    """Summarise how the instalment is covered; an expected loss of the fund counts as no income."""
    policy = policy or UnderwritingPolicy()
    instalment = schedule.instalments[0].payment
    income = max(to_cents(fund.invested * fund.return_annual / 12), ZERO)
    covered = (disposable_income + income) / instalment
    months = months_fund_alone(schedule, fund)
    funds_itself = months == len(schedule.instalments)
    if covered >= policy.coverage_target:
        standing = "on_target"
    elif covered >= policy.coverage_emergency:
        standing = "below_target"
    else:
        standing = "emergency"
    verdict = "The loan funds itself" if funds_itself else "The loan does not fund itself"
    return CoverageSummary(
        instalment=instalment,
        invested=fund.invested,
        fund_income_monthly=income,
        disposable_income_monthly=disposable_income,
        fund_coverage=income / instalment,
        payment_coverage=covered,
        target=policy.coverage_target,
        emergency=policy.coverage_emergency,
        standing=standing,
        months_fund_alone=months,
        funds_itself=funds_itself,
        statement=(
            f"{verdict}: {fund.invested} at {fund.return_annual:.2%} a year is expected to bring "
            f"{income} a month, {income / instalment:.2f} of the instalment of {instalment}; drawn "
            f"down, the fund alone would last {months} of {len(schedule.instalments)} instalments. "
            f"With the borrower's {disposable_income} a month the coverage is {covered:.2f}."
        ),
    )


@dataclass(frozen=True, slots=True)
class PathPayments:
    """Who paid, in cents: int64 arrays of shape (paths, months), and the fund at the end.

    `ruined` and `alone` have shape (paths,): whether the fund fell to its floor before the last
    instalment, and how many first instalments the fund alone could have paid.
    """

    from_income: NDArray[np.int64]
    from_borrower: NDArray[np.int64]
    from_principal: NDArray[np.int64]
    shortfall: NDArray[np.int64]
    residual: NDArray[np.int64]
    ruined: NDArray[np.bool_]
    alone: NDArray[np.int64]


def pay_along_paths(
    *,
    schedule: Schedule,
    invested: Decimal,
    monthly_returns: NDArray[np.float64],
    disposable_income: Decimal,
    floor: Decimal = ZERO,
) -> PathPayments:
    """Run the waterfall of `lending.servicing` along every path at once.

    `monthly_returns` has shape (paths, months): simple returns, the t-th earned before the t-th
    instalment. The fund is rounded half-even to the cent after each month's return; from there all
    amounts are whole cents and equal the Decimal waterfall exactly.
    """
    _check_returns(monthly_returns, len(schedule.instalments))
    growth = 1.0 + monthly_returns
    dues = [_cents(row.payment) for row in schedule.instalments]
    start, floor_cents = _cents(invested), _cents(floor)
    available = max(_cents(disposable_income), 0)
    shape = monthly_returns.shape
    income, borrower, drawn, short = (np.zeros(shape, np.int64) for _ in range(4))
    value = np.full(shape[0], start, np.int64)
    basis, lone = value.copy(), value.copy()
    alone = np.zeros(shape[0], np.int64)
    alive = np.ones(shape[0], np.bool_)
    ruined = np.zeros(shape[0], np.bool_)
    for month, due in enumerate(dues):
        value = np.rint(value * growth[:, month]).astype(np.int64)
        principal = np.minimum(value, basis)
        income[:, month] = np.minimum(due, value - principal)
        owed = due - income[:, month]
        borrower[:, month] = np.minimum(owed, available)
        owed -= borrower[:, month]
        drawn[:, month] = np.minimum(owed, np.maximum(principal - floor_cents, 0))
        short[:, month] = owed - drawn[:, month]
        value -= income[:, month] + drawn[:, month]
        basis -= drawn[:, month]
        if month + 1 < len(dues):
            ruined |= (value <= floor_cents) & (value < start)
        lone = np.rint(lone * growth[:, month]).astype(np.int64) - due
        alive &= lone >= floor_cents
        lone = np.where(alive, lone, 0)
        alone += alive
    return PathPayments(income, borrower, drawn, short, value, ruined, alone)


def simulate_coverage(
    *,
    schedule: Schedule,
    invested: Decimal,
    monthly_returns: NDArray[np.float64],
    disposable_income: Decimal,
    floor: Decimal = ZERO,
) -> CoverageSimulation:
    """Say what many fund paths mean for a loan; arguments as in `pay_along_paths`.

    Quantiles are observed amounts (inverse of the empirical distribution). `source` is left empty:
    whoever drew the paths fills it in.
    """
    paid = pay_along_paths(
        schedule=schedule,
        invested=invested,
        monthly_returns=monthly_returns,
        disposable_income=disposable_income,
        floor=floor,
    )
    paths, months = monthly_returns.shape
    by_month = _quantiles(paid.shortfall)
    totals: NDArray[np.int64] = np.sum(paid.shortfall, axis=1)
    worst = np.sort(totals)[-max(1, round(0.05 * paths)) :]
    from_fund = int(np.sum(paid.from_income)) + int(np.sum(paid.from_principal))
    funded = _share(from_fund, _cents(schedule.total_paid) * paths)
    any_short = _share(int(np.count_nonzero(totals)), paths)
    residual = _quantiles(paid.residual)
    alone = _inverse(paid.alone, (0.05, 0.5, 0.95))
    return CoverageSimulation(
        paths=paths,
        months=months,
        source=None,
        monthly_shortfall=MonthlyQuantiles(**{k: tuple(v) for k, v in by_month.items()}),
        monthly_shortfall_probability=tuple(
            _share(int(short), paths) for short in np.count_nonzero(paid.shortfall, axis=0)
        ),
        probability_any_shortfall=any_short,
        probability_ruin=_share(int(np.count_nonzero(paid.ruined)), paths),
        expected_total_shortfall=_money(float(np.mean(totals))),
        expected_shortfall_worst_5pc=_money(float(np.mean(worst))),
        expected_funded_share=funded,
        residual_at_maturity=Quantiles(**{k: v[0] for k, v in residual.items()}),
        months_fund_alone=(int(alone[0]), int(alone[1]), int(alone[2])),
        statement=(
            f"In {any_short:.1%} of {paths} paths at least one instalment is not fully paid; the "
            f"missing amount is {np.mean(totals) / 100:.2f} on average and "
            f"{np.mean(worst) / 100:.2f} in the worst 5 %. The fund pays {funded:.1%} of all that "
            f"is due and alone would last {int(alone[1])} of {months} instalments in the median."
        ),
    )


def _check_returns(returns: NDArray[np.float64], months: int) -> None:
    if returns.ndim != 2 or returns.shape[0] < 1 or returns.shape[1] != months:
        raise InvalidRequest(f"monthly_returns must have shape (paths, {months}).")
    if not np.isfinite(returns).all() or (returns < -1.0).any():
        raise InvalidRequest("monthly_returns must be finite and at least -1.")


def _cents(amount: Decimal) -> int:
    return int(to_cents(amount).scaleb(2))


def _money(cents: float) -> Decimal:
    return to_cents(Decimal(repr(float(cents))).scaleb(-2))


def _share(part: int, whole: int) -> Decimal:
    return Decimal(part) / whole


def _inverse(values: NDArray[np.int64], levels: tuple[float, ...]) -> NDArray[np.int64]:
    """Return observed quantiles over the first axis; shape (levels, ...)."""
    ranks = np.array([max(math.ceil(level * len(values)) - 1, 0) for level in levels])
    ordered: NDArray[np.int64] = np.sort(values, axis=0)
    return ordered[ranks]


def _quantiles(cents: NDArray[np.int64]) -> dict[str, list[Decimal]]:
    """Return five quantiles over the paths; one amount a column, or one for a vector."""
    rows = _inverse(cents, _LEVELS)
    return {
        f"p{round(level * 100)}": [_money(float(cent)) for cent in np.atleast_1d(row)]
        for level, row in zip(_LEVELS, rows, strict=True)
    }
