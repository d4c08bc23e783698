"""What the lending tools stand on: the clock, one borrower's file, and fund paths from prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from interfaces.clock import Clock
from interfaces.market import MarketData, MarketView
from lending.coverage import FundPlan, fund_plan
from lending.schedule import add_months
from lending.underwriting import Household, household_of
from quant.basket import monthly_basket_returns
from quant.bootstrap import stationary_bootstrap
from schemas.base import ZERO
from schemas.errors import InvalidRequest, NotFound
from schemas.loan import (
    BorrowerDocument,
    BorrowerFile,
    LoanApplication,
    LoanTerms,
    PathSource,
    Transaction,
)

_SESSIONS_A_YEAR = 252
_DEFAULT_RETURN = Decimal("0.10")


@dataclass(frozen=True, slots=True)
class FundPaths:
    """Which paths are wanted; no symbols means those with the longest history."""

    symbols: tuple[str, ...]
    years: int
    mean_block: int
    paths: int
    seed: int


@dataclass(frozen=True, slots=True)
class Desk:
    """Answers with the caller's value, else the application's, else says what to pass."""

    clock: Clock
    borrower: BorrowerFile | None
    market: MarketData | None

    def today(self) -> date:
        """Return the clock's date; nothing dated on or after it is shown."""
        return self.clock.now().date()

    def known_application(self) -> LoanApplication | None:
        """Return the application once it has been made, else None."""
        if self.borrower is None or self.borrower.application.applied_on > self.today():
            return None
        return self.borrower.application

    def application(self, *instead: str) -> LoanApplication:
        """Return the application, or raise `NotFound` naming the arguments to pass instead."""
        application = self.known_application()
        if application is None:
            way = f"pass {', '.join(instead)}" if instead else "only a loaded borrower has one"
            raise NotFound(f"There is no loan application on file: {way}.")
        return application

    def contract_text(self) -> str:
        """Return the contract handed in with the application; empty where there is none."""
        if self.borrower is None or self.known_application() is None:
            return ""
        return self.borrower.contract_text

    def transactions(self) -> tuple[Transaction, ...]:
        """Return the transactions dated before today, oldest first."""
        rows = self._file().transactions
        known = [row for row in rows if row.posted_on < self.today()]
        return tuple(sorted(known, key=lambda row: row.posted_on))

    def documents(self) -> tuple[BorrowerDocument, ...]:
        """Return the documents issued before today, oldest first."""
        known = [paper for paper in self._file().documents if paper.issued_on < self.today()]
        return tuple(sorted(known, key=lambda paper: (paper.issued_on, paper.document_id)))

    def _file(self) -> BorrowerFile:
        if self.borrower is None:
            raise NotFound(
                "No borrower is loaded, so there are no transactions and documents: the tools that "
                "take amounts as arguments still compute."
            )
        return self.borrower

    def terms(
        self,
        *,
        principal: Decimal | None = None,
        rate_annual: Decimal | None = None,
        term_months: int | None = None,
        **rest: Decimal | date | None,
    ) -> LoanTerms:
        """Complete a loan's terms: amount, rate and term from the caller or the application.

        `rest` may hold `origination_fee`, `disbursed_on` and `first_due_on`; without an
        application the loan is paid out today and first due a month later.
        """
        application = self.known_application()
        given = {"principal": principal, "rate_annual": rate_annual, "term_months": term_months}
        missing = [name for name, value in given.items() if value is None]
        if missing:
            self.application(*missing)
        values = {name: value for name, value in {**given, **rest}.items() if value is not None}
        if application is not None:
            stated = application.model_dump(include=set(LoanTerms.model_fields))
            values = {**stated, **values}
        values.setdefault("disbursed_on", self.today())
        paid_on = values["disbursed_on"]
        if isinstance(paid_on, date):
            values.setdefault("first_due_on", add_months(paid_on, 1))
        return LoanTerms.model_validate(values)

    def fund(
        self,
        *,
        invested: Decimal | None,
        return_annual: Decimal | None = None,
        floor: Decimal | None = None,
    ) -> FundPlan:
        """Complete the fund; without an application the return is 10 % a year and the floor 0."""
        application = self.known_application()
        if invested is None:
            application = self.application("invested")
        stated = fund_plan(application) if application else FundPlan(ZERO, _DEFAULT_RETURN)
        return FundPlan(
            invested=stated.invested if invested is None else invested,
            return_annual=stated.return_annual if return_annual is None else return_annual,
            floor=stated.floor if floor is None else floor,
        )

    def household(self, **given: Decimal | None) -> Household:
        """Complete a household by the caller's values; housing may be left out as 0."""
        application = self.known_application()
        needed = [name for name, value in given.items() if value is None and name != "housing"]
        if needed and application is None:
            self.application(
                "income_monthly_net",
                "income_monthly_gross",
                "expenses_monthly",
                "debt_payments_monthly",
            )
        stated = household_of(application) if application else Household(*[ZERO] * 5)
        values = {
            name: getattr(stated, name) if value is None else value for name, value in given.items()
        }
        return Household(**values)

    def disposable(self, given: Decimal | None) -> Decimal:
        """Return the borrower's disposable income a month."""
        if given is not None:
            return given
        return household_of(self.application("disposable_income_monthly")).disposable

    def fund_paths(self, wanted: FundPaths, months: int) -> tuple[NDArray[np.float64], PathSource]:
        """Draw monthly returns (paths, months) of an equal-weight basket known at the clock."""
        if self.market is None:
            raise NotFound("No market data is loaded, so no fund can be simulated.")
        view = self.market.view(self.clock.now())
        lookback = wanted.years * _SESSIONS_A_YEAR
        symbols = wanted.symbols or _longest(view, lookback)
        if not symbols:
            raise InvalidRequest("No symbol has a price yet: there is no history to draw from.")
        _require_prices(view, symbols)
        closes = view.closes(symbols, lookback)
        history, returns = monthly_basket_returns(closes.sessions, closes.values)
        drawn = stationary_bootstrap(
            returns,
            paths=wanted.paths,
            horizon=months,
            mean_block=float(wanted.mean_block),
            seed=wanted.seed,
        )
        used = closes.sessions[closes.sessions.astype("datetime64[M]") <= history[-1]]
        source = PathSource(
            symbols=closes.symbols,
            seed=wanted.seed,
            mean_block_months=Decimal(wanted.mean_block),
            history_first_on=date.fromisoformat(str(used[0])),
            history_last_on=date.fromisoformat(str(used[-1])),
            history_months=len(returns),
        )
        return drawn, source


def _require_prices(view: MarketView, symbols: tuple[str, ...]) -> None:
    """Refuse a symbol whose first bar is yet to come in the words for one that never was."""
    for symbol in symbols:
        try:
            known = view.last_close(symbol) is not None
        except NotFound:
            known = False
        if not known:
            raise NotFound(f"No prices of {symbol!r} are known at this moment.")


def _longest(view: MarketView, lookback: int) -> tuple[str, ...]:
    """Return the symbols with the most sessions in the window, so that no short one cuts it."""
    lengths = {s: len(view.bars(s, lookback=lookback).close) for s in view.symbols()}
    most = max(lengths.values(), default=0)
    return tuple(symbol for symbol, length in lengths.items() if length == most > 0)
