"""Budget, observed finances and unusual spending, on the sample borrowers and made-up rows."""

import runpy
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lending.budget import assess_budget, budget_from_transactions, observe_finances
from lending.contract import review_contract
from lending.schedule import build_schedule, terms_of
from lending.spending import find_anomalies
from schemas.errors import InvalidRequest
from schemas.loan import BorrowerFile, Transaction

FOLDER = Path(__file__).parents[2] / "examples" / "borrowers"
NAMES = ("maria-santos", "devon-clarke", "yuki-tanaka", "james-okafor")


def borrower(name: str) -> BorrowerFile:
    return BorrowerFile.model_validate_json((FOLDER / f"{name}.json").read_bytes())


def row(day: date, amount: str, category: str = "groceries", merchant: str = "Shop") -> Transaction:
    return Transaction(posted_on=day, amount=Decimal(amount), category=category, merchant=merchant)


def test_the_sample_files_are_what_the_script_writes():
    script = runpy.run_path(str(FOLDER / "generate.py"))
    for person in script["PEOPLE"]:
        written = script["encode"](script["borrower"](person, script["level_payment"](person)))
        assert (FOLDER / f"{person.slug}.json").read_text(encoding="utf-8") == written


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_contracts_state_the_scheduled_payment_except_the_nasty_one(name):
    file = borrower(name)
    schedule = build_schedule(terms_of(file.application))
    result = review_contract(file.contract_text, file.application)
    assert result.recomputed_instalment == schedule.instalments[0].payment
    assert result.acceptable == (name != "james-okafor")


def test_observed_finances_are_means_of_full_months_before_the_day():
    file = borrower("maria-santos")
    observed = observe_finances(file.transactions, file.application.applied_on)
    assert observed.months == 4  # July to October: June is the first, November unfinished
    assert observed.income_monthly == Decimal("4200.00")
    later = [each for each in file.transactions if each.posted_on < file.application.applied_on]
    assert observe_finances(later, file.application.applied_on) == observed
    assert observe_finances([], date(2020, 1, 1)).months == 0


def test_the_50_30_20_rule_counts_debt_as_a_need():
    within = assess_budget(income=Decimal(4000), needs=Decimal(1800), wants=Decimal(1000))
    assert within.within_rule
    assert within.savings_share == Decimal("0.3")
    outside = assess_budget(
        income=Decimal(4000), needs=Decimal(1800), wants=Decimal(1000), debt=Decimal(400)
    )
    assert not outside.within_rule
    assert outside.expense_ratio == Decimal("0.8")
    assert assess_budget(income=Decimal(0), needs=Decimal(1), wants=Decimal(0)).needs_share is None
    with pytest.raises(InvalidRequest, match="negative"):
        assess_budget(income=Decimal(-1), needs=Decimal(0), wants=Decimal(0))


def test_refunds_and_transfers_do_not_count_as_spending():
    rows = [
        row(date(2020, 1, 5), "-10.00"),
        row(date(2020, 2, 1), "3000.00", "income"),
        row(date(2020, 2, 5), "-200.00"),
        row(date(2020, 2, 9), "50.00"),
        row(date(2020, 2, 10), "-500.00", "savings"),
        row(date(2020, 2, 11), "-80.00", "dining"),
    ]
    budget = budget_from_transactions(rows, date(2020, 3, 3))
    assert (budget.needs, budget.wants, budget.surplus) == (150, 80, 2770)
    with pytest.raises(InvalidRequest, match="no full month"):
        budget_from_transactions(rows, date(2020, 2, 20))


def test_planted_anomalies_are_found_and_ordinary_life_is_left_alone():
    found = {
        (each.transaction.posted_on.isoformat(), each.kind)
        for each in find_anomalies(borrower("maria-santos").transactions).anomalies
    }
    assert found == {
        ("2019-09-15", "duplicate"),
        ("2020-08-11", "unusual_amount"),
        ("2021-11-06", "high_risk_merchant"),
        ("2021-11-06", "unusual_amount"),
    }


def test_cents_of_change_in_a_steady_bill_are_no_anomaly_but_a_doubling_is():
    steady = [row(date(2020, 1, 1) + timedelta(30 * n), "-100.00", "rent") for n in range(8)]
    wobble = [*steady, row(date(2021, 1, 1), "-100.02", "rent")]
    assert find_anomalies(wobble).anomalies == ()
    double = [*steady, row(date(2021, 1, 1), "-200.00", "rent")]
    assert [each.kind for each in find_anomalies(double).anomalies] == ["unusual_amount"]


@given(
    st.lists(
        st.builds(
            row,
            st.dates(date(2019, 1, 1), date(2022, 1, 1)),
            st.decimals("-3000", "3000", places=2).map(str),
            st.sampled_from(["groceries", "dining", "gambling"]),
            st.sampled_from(["Shop", "Casino Royal"]),
        ),
        max_size=40,
    )
)
def test_every_anomaly_is_a_payment_that_was_read(rows):
    report = find_anomalies(rows)
    assert report.transactions_read == len(rows)
    for each in report.anomalies:
        assert each.transaction in rows
        assert each.transaction.amount < 0
