"""Underwriting: each rule moves the decision by itself, and nothing else does."""

from decimal import Decimal

import pytest

from lending.underwriting import underwrite
from schemas.household import ContractFinding, ContractReviewResult, ObservedFinances
from tests.lending.loan_samples import application

OBSERVED = ObservedFinances(months=4, income_monthly=Decimal(4200), spending_monthly=Decimal(3200))


def test_sound_finances_are_approved_without_a_reason():
    result = underwrite(application(), observed=OBSERVED)
    assert result.decision == "approve"
    assert result.reasons == ()
    assert result.affordability.affordable


@pytest.mark.parametrize(
    ("changes", "decision", "codes"),
    [
        ({"debt_payments_monthly": "800"}, "refuse",
         {"debt_to_income_too_high", "residual_income_too_low", "payment_coverage_below_target"}),
        ({"principal": "30000"}, "refuse",
         {"payment_to_income_too_high", "debt_to_income_too_high", "residual_income_too_low",
          "payment_coverage_emergency"}),
        ({"expenses_monthly": "3540"}, "refuse", {"residual_income_too_low"}),
        ({"principal": "25000", "housing_monthly": "1000", "expenses_monthly": "3030",
          "expected_fund_return_annual": 0}, "refer", {"payment_coverage_below_target"}),
        ({"income_monthly_net": "0", "income_monthly_gross": "0"}, "refuse", {"no_income"}),
        ({"income_monthly_net": "4700"}, "refer", {"income_not_verified"}),
    ],
)  # fmt: skip
def test_each_broken_limit_is_a_reason(changes, decision, codes):
    result = underwrite(application(**changes), observed=OBSERVED)
    assert {reason.code for reason in result.reasons} == codes
    assert result.decision == decision


def test_a_short_or_missing_history_goes_to_a_person():
    short = OBSERVED.model_copy(update={"months": 2})
    for observed in (None, short):
        result = underwrite(application(), observed=observed)
        assert result.decision == "refer"
        assert [reason.code for reason in result.reasons] == ["history_too_short"]


def test_a_contract_that_breaks_a_rule_refuses():
    costly = ContractFinding(
        rule="prepayment_penalty",
        severity="violation",
        sentence="Paying early costs extra.",
        line=3,
        clause="A penalty is due.",
    )
    contract = ContractReviewResult(
        terms=(),
        findings=(costly, costly.model_copy(update={"severity": "info"})),
        recomputed_instalment=None,
        recomputed_apr_annual=None,
        acceptable=False,
        statement="Paying early costs extra.",
    )
    result = underwrite(application(), observed=OBSERVED, contract=contract)
    assert result.decision == "refuse"
    assert [reason.sentence for reason in result.reasons] == ["Paying early costs extra."]


@pytest.mark.parametrize(
    "changes",
    [{"borrower_name": "Someone Else"}, {"filing_status": "married_joint"}, {"borrower_id": "x"},
     {"purpose": "Anything"}],
)  # fmt: skip
def test_who_someone_is_moves_no_decision(changes):
    assert underwrite(application(**changes), observed=OBSERVED) == underwrite(
        application(), observed=OBSERVED
    )
