"""What became of a loan, beside what was to be expected when it was decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from interfaces.market import MarketView
from lending.apr import loan_apr
from lending.comparison import compare_with_plain_loan
from lending.coverage import fund_plan, simulate_coverage, summarise_coverage
from lending.schedule import disposable_income, split_principal, terms_of
from orchestrator.loan_life import LoanLife
from quant.basket import monthly_basket_returns
from quant.bootstrap import stationary_bootstrap
from schemas.base import ZERO, to_micro
from schemas.errors import InvalidRequest
from schemas.loan import CoverageSimulation, PathSource
from schemas.results import LoanMonth, LoanResult
from schemas.tick import Tick

PATHS = 10_000
MEAN_BLOCK_MONTHS = 6
HISTORY_SESSIONS = 252 * 20
"""At most this much history before the application feeds the bootstrap."""


def loan_result(
    life: LoanLife, ticks: Sequence[Tick], *, known: MarketView, universe: Sequence[str], seed: int
) -> LoanResult:
    """Build the loan's result; `known` is the market as it was when the loan was decided."""
    application, schedule = life.application, life.schedule
    parts = split_principal(application)
    plan = fund_plan(application)
    return LoanResult(
        borrower=application.borrower_name,
        final=ticks[-1].loan or life.state if ticks else life.state,
        invested=parts.invested,
        paid_out=parts.paid_out,
        schedule=schedule,
        apr=loan_apr(terms_of(application), schedule),
        coverage=summarise_coverage(
            schedule, plan, disposable_income=disposable_income(application)
        ),
        months=_months(ticks),
        fund_value_end=ticks[-1].mark.equity if ticks else ZERO,
        shortfall_total=ticks[-1].loan.arrears if ticks and ticks[-1].loan else ZERO,
        simulation=_simulate(life, known, universe, seed) if parts.invested > 0 else None,
        comparison=compare_with_plain_loan(schedule, plan, paid_out=parts.paid_out)
        if parts.invested > 0
        else None,
    )


def _months(ticks: Sequence[Tick]) -> tuple[LoanMonth, ...]:
    months: list[LoanMonth] = []
    for tick in ticks:
        if tick.loan is None or tick.loan.payment is None:
            continue
        paid = tick.loan.payment
        split = paid.split
        months.append(
            LoanMonth(
                number=paid.number,
                due_on=paid.due_on,
                settled_on=tick.session,
                payment=split.due,
                interest=paid.interest,
                principal=paid.principal,
                from_income=split.from_income,
                from_borrower=split.from_borrower,
                from_principal=split.from_principal,
                shortfall=split.shortfall,
                balance=tick.loan.balance,
                fund_value=tick.mark.equity,
            )
        )
    return tuple(months)


def _simulate(
    life: LoanLife, known: MarketView, universe: Sequence[str], seed: int
) -> CoverageSimulation | None:
    """Bootstrap the fund from the basket's months known at the application; None without any.

    The basket is what of the universe is traded then: a ticker of later days has no past.
    """
    listed = set(known.symbols())
    symbols = tuple(symbol for symbol in universe if symbol in listed)
    closes = known.closes(symbols, HISTORY_SESSIONS)
    try:
        months, returns = monthly_basket_returns(closes.sessions, closes.values)
    except InvalidRequest:  # too little history is a fact about the data, and said as None
        return None
    paths = stationary_bootstrap(
        returns,
        paths=PATHS,
        horizon=len(life.schedule.instalments),
        mean_block=MEAN_BLOCK_MONTHS,
        seed=seed,
    )
    simulated = simulate_coverage(
        schedule=life.schedule,
        invested=split_principal(life.application).invested,
        monthly_returns=paths,
        disposable_income=disposable_income(life.application),
        floor=life.application.fund_floor,
    )
    source = PathSource(
        symbols=symbols,
        seed=seed,
        mean_block_months=to_micro(MEAN_BLOCK_MONTHS),
        history_first_on=closes.sessions[0].astype(date),
        history_last_on=closes.sessions[-1].astype(date),
        history_months=len(months),
    )
    return simulated.model_copy(update={"source": source})
