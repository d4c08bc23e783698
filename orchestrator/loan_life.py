"""The life of one loan in a simulation: disbursed, serviced by its instalments, paid off.

Agents propose; this posts. The borrower is assumed to pay up to the disposable income of the
application each month; what neither fund nor borrower can pay is carried as arrears.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

from pydantic import JsonValue

from interfaces.broker import Posting, SimulatedExchange
from lending.schedule import build_schedule, disposable_income, split_principal, terms_of
from lending.servicing import fund_parts, split_instalment
from schemas.agents import LenderDecision
from schemas.base import ZERO
from schemas.jobs import SimulationRequest
from schemas.loan import BorrowerFile, Instalment, InstalmentSplit
from schemas.tick import Event, InstalmentPaid, LoanState


class LoanLife:
    """One loan's state between sessions; rebuilt from the last committed tick."""

    def __init__(self, file: BorrowerFile, on_or_after: Callable[[date], date]) -> None:
        application = file.application
        self.application = application
        self.schedule = build_schedule(terms_of(application))
        self._due = {on_or_after(i.due_on): i for i in self.schedule.instalments}
        self.state = LoanState(
            status="applied",
            balance=application.principal,
            fund_invested=ZERO,
            instalments_paid=0,
            arrears=ZERO,
            paid_by_fund=ZERO,
            paid_by_borrower=ZERO,
        )

    @property
    def over(self) -> bool:
        """Whether nothing is left to do: refused, referred to a human, or paid off."""
        return self.state.status in {"refused", "referred", "paid_off"}

    def restore(self, state: LoanState) -> None:
        """Take up the state of the last committed tick."""
        self.state = state

    def events(self, session: date) -> tuple[Event, ...]:
        """Return the loan's own events of a session."""
        if self.state.status == "applied":
            return ("application",)
        if self.state.status == "active" and session in self._due:
            return ("instalment_due",)
        return ()

    def facts(self, session: date) -> dict[str, JsonValue]:
        """Return what agents are told of the loan in a session."""
        state = self.state
        facts: dict[str, JsonValue] = {
            "status": state.status,
            "balance": str(state.balance),
            "fund_invested": str(state.fund_invested),
            "arrears": str(state.arrears),
            "instalments_paid": state.instalments_paid,
        }
        due = self._due.get(session)
        if due is not None and state.status == "active":
            facts["instalment"] = {
                "number": due.number,
                "due_on": due.due_on.isoformat(),
                "amount_due": str(due.payment + state.arrears),
            }
        return facts

    def begin(self) -> None:
        """Forget the payment of the session before."""
        if self.state.payment is not None:
            self.state = self.state.model_copy(update={"payment": None})

    def disburse(self, exchange: SimulatedExchange) -> None:
        """Post the approved loan: the invested share to the fund, the rest to the borrower."""
        parts = split_principal(self.application)
        principal = self.application.principal
        postings = [
            Posting("lender:funding", -principal),
            Posting("assets:cash", parts.invested),
            Posting("borrower:paid_out", parts.paid_out),
            Posting("loan:principal", principal),
            Posting("borrower:owes", -principal),
        ]
        if parts.fee:
            postings.append(Posting("loan:fees", parts.fee))
        exchange.post("disbursement", "Loan disbursed", postings)
        self.state = self.state.model_copy(
            update={"status": "active", "fund_invested": parts.invested}
        )

    def decline(self, decision: LenderDecision | None) -> None:
        """Record that the loan was not approved; without a decision a human must look at it."""
        refused = decision is not None and decision.action == "refuse"
        self.state = self.state.model_copy(update={"status": "refused" if refused else "referred"})

    def pay(
        self,
        session: date,
        exchange: SimulatedExchange,
        *,
        planned: Decimal | None,
        fund_value: Decimal,
    ) -> None:
        """Pay the instalment due in a session, if any, after its orders were filled.

        `planned` is what the lender let the fund pay. The waterfall is taken anew at `fund_value`,
        the account's equity after the fills: the fund pays no more than planned and than its cash,
        principal only for what its income and the borrower cannot pay, and none below the floor.
        The rest is arrears. Without a plan (the lender abstained) the contract's own waterfall
        holds, on the fund's cash.
        """
        instalment = self._due.get(session)
        if instalment is None or self.state.status != "active":
            return
        state = self.state
        cash = exchange.account().cash
        usable = max(cash if planned is None else min(planned, cash), ZERO)
        income, principal = fund_parts(max(fund_value, ZERO), state.fund_invested)
        from_income = min(income, usable)
        split = split_instalment(
            due=instalment.payment + state.arrears,
            fund_gain=from_income,
            borrower_available=disposable_income(self.application),
            fund_principal=min(
                usable - from_income, max(principal - self.application.fund_floor, ZERO)
            ),
        )
        interest = min(self._interest_owed(instalment), _received(split))
        paid = InstalmentPaid(
            number=instalment.number,
            due_on=instalment.due_on,
            split=split,
            interest=interest,
            principal=_received(split) - interest,
        )
        if _received(split):
            _post_instalment(exchange, paid)
        self.state = _after(state, paid, last=self._is_last(instalment))

    def _interest_owed(self, instalment: Instalment) -> Decimal:
        """Return the interest due up to this instalment and not paid yet; it is paid first."""
        rows = self.schedule.instalments[: instalment.number]
        repaid = self.application.principal - self.state.balance
        paid = self.state.paid_by_fund + self.state.paid_by_borrower - repaid
        return sum((row.interest for row in rows), start=ZERO) - paid

    def _is_last(self, instalment: Instalment) -> bool:
        return instalment.number == len(self.schedule.instalments)


def loan_of(request: SimulationRequest, on_or_after: Callable[[date], date]) -> LoanLife | None:
    """Return the loan of a loan-mode request at its beginning, or None in trading mode."""
    return None if request.application is None else LoanLife(request.application, on_or_after)


def _received(split: InstalmentSplit) -> Decimal:
    return split.due - split.shortfall


def _post_instalment(exchange: SimulatedExchange, paid: InstalmentPaid) -> None:
    """Post what was received; arrears are posted as paid only when they are."""
    split = paid.split
    postings = [
        Posting("assets:cash", -split.from_income - split.from_principal),
        Posting("borrower:paid_in", -split.from_borrower),
        Posting("lender:collected", _received(split)),
        Posting("loan:principal", -paid.principal),
        Posting("borrower:owes", paid.principal),
        Posting("loan:interest_income", -paid.interest),
        Posting("borrower:interest_paid", paid.interest),
    ]
    exchange.post(
        "instalment",
        f"Instalment {paid.number} due {paid.due_on}",
        [posting for posting in postings if posting.amount],
    )


def _after(state: LoanState, paid: InstalmentPaid, *, last: bool) -> LoanState:
    split = paid.split
    return LoanState(
        status="paid_off" if last and not split.shortfall else "active",
        balance=state.balance - paid.principal,
        fund_invested=state.fund_invested - split.from_principal,
        instalments_paid=state.instalments_paid + 1,
        arrears=split.shortfall,
        paid_by_fund=state.paid_by_fund + split.from_income + split.from_principal,
        paid_by_borrower=state.paid_by_borrower + split.from_borrower,
        payment=paid,
    )
