"""Rules of one's own reject, trim and tell, within their scope and in their own words."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.execution import ExecutionModel
from schemas.risk import RiskLimits, Rule
from tests.trading.gate_books import opened, past, refused, wish
from trading.gate import EquityHistory, Moment, breaches, check, examine
from trading.orders import OrderIntent

pytestmark = pytest.mark.promise("risk-limits")

SECTORS = {"AAA": "Energy", "BBB": "Energy", "CCC": "Health"}


def ruled(*rules: dict[str, object], **values: object) -> RiskLimits:
    made = tuple(Rule.model_validate({"id": f"r{n}", **rule}) for n, rule in enumerate(rules))
    return RiskLimits.model_validate({"rules": made, "sectors": SECTORS, **values})


# Equity is 1000 of cash and 20 AAA at 10: 1200; AAA fell by 10 % and has a volume of 200.
PAST = past({"AAA": [0.0] * 29 + [-0.1], "BBB": [0.0] * 30}, {"AAA": 200.0, "BBB": 50.0})
HURT = EquityHistory(previous=Decimal(1250), peak=Decimal(1500))


@pytest.mark.parametrize(
    ("rule", "inside", "outside", "excess"),
    [
        ({"measure": "order_value", "max": 100}, wish("buy", "10"), wish("buy", "11"), "10.00"),
        ({"measure": "order_value", "min": 50}, wish("buy", "5"), wish("buy", "4"), "10.00"),
        ({"measure": "order_share", "max": "0.1"}, wish("buy", "12"), wish("buy", "18"), "0.05"),
        (
            {"measure": "position_share", "max": "0.25"},
            wish("buy", "10"),
            wish("buy", "16"),
            "0.05",
        ),
        ({"measure": "position_value", "max": 300}, wish("buy", "10"), wish("buy", "11"), "10.00"),
        (
            {"measure": "sector_share", "max": "0.5"},
            wish("buy", "8", "BBB"),
            wish("buy", "9.2", "BBB"),
            "0.05",
        ),
        ({"measure": "gross_share", "max": "0.25"}, wish("buy", "10"), wish("buy", "16"), "0.05"),
        ({"measure": "net_share", "max": "0.25"}, wish("buy", "10"), wish("buy", "16"), "0.05"),
        ({"measure": "cash_share", "min": "0.75"}, wish("buy", "10"), wish("buy", "16"), "0.05"),
        ({"measure": "volume_share", "max": "0.05"}, wish("buy", "10"), wish("buy", "12"), "0.01"),
        ({"measure": "orders_in_session", "max": 0}, None, wish("buy", "1"), "1"),
        (
            {"measure": "price_move", "min": "-0.05"},
            wish("buy", "1", "BBB"),
            wish("buy", "1"),
            "0.05",
        ),
        ({"measure": "price_move", "max": "-0.15"}, None, wish("buy", "1"), "0.05"),
        ({"measure": "drawdown", "max": "0.15"}, wish("sell", "1"), wish("buy", "1"), "0.05"),
        ({"measure": "day_loss", "max": "0.03"}, wish("sell", "1"), wish("buy", "1"), "0.01"),
    ],
)
def test_a_rule_rejects_what_is_beyond_it(
    rule: dict[str, object], inside: OrderIntent | None, outside: OrderIntent, excess: str
) -> None:
    book = opened(ruled(rule), {"AAA": "20"}, risk=PAST, moment=Moment(equity=HURT))
    denial = refused(outside, book)
    assert (denial.limit, denial.excess) == ("rule:r0", Decimal(excess))
    assert "rule r0" in denial.message
    if inside is not None:
        assert check(inside, book) is None


def test_a_rule_on_units_says_by_how_much_without_telling_units() -> None:
    for bound, units, says in (({"max": 5}, "6", "above"), ({"min": 5}, "4", "below")):
        book = opened(ruled({"measure": "order_quantity", **bound}))
        denial = refused(wish("buy", units), book)
        assert (denial.limit, denial.excess) == ("rule:r0", None)
        assert f"{says} what rule r0 allows by 20.00 %" in denial.message
        assert check(wish("buy", "5"), book) is None


@pytest.mark.parametrize(
    ("scope", "meant", "not_meant"),
    [
        ({"symbols": ["AAA"]}, wish("buy", "1"), wish("buy", "1", "BBB")),
        ({"sectors": ["Energy"]}, wish("buy", "1", "BBB"), wish("buy", "1", "CCC")),
        ({"sectors": ["Energy"]}, wish("buy", "1", "BBB"), wish("buy", "1", "DDD")),
        ({"sides": ["buy"]}, wish("buy", "1"), wish("sell", "1")),
    ],
)
def test_a_rule_is_about_what_it_names(
    scope: dict[str, object], meant: OrderIntent, not_meant: OrderIntent
) -> None:
    book = opened(ruled({"measure": "order_value", "max": 0, **scope}), {"AAA": "20"})
    assert refused(meant, book).limit == "rule:r0"
    assert check(not_meant, book) is None


def test_a_rule_may_be_about_one_agent() -> None:
    asked = ruled({"measure": "order_value", "max": 0, "agents": ["alpha"]})
    assert check(wish("buy", "1"), opened(asked, moment=Moment(agent="beta"))) is None
    assert refused(wish("buy", "1"), opened(asked, moment=Moment(agent="alpha"))).limit == "rule:r0"


def test_what_a_rule_needs_and_nobody_knows_denies() -> None:
    for measure in ("volume_share", "price_move", "drawdown", "day_loss"):
        denial = refused(wish("buy", "1"), opened(ruled({"measure": measure, "max": 1})))
        assert denial.limit == "rule:r0"
        assert "known" in denial.message
    sector = ruled({"measure": "sector_share", "max": 1})
    assert "no sector" in refused(wish("buy", "1", "DDD"), opened(sector)).message


@pytest.mark.parametrize(
    ("rule", "asked", "left"),
    [
        ({"measure": "order_value", "max": "105"}, wish("buy", "20"), "10.5"),
        ({"measure": "order_share", "max": "0.1"}, wish("buy", "20"), "12"),
        ({"measure": "order_quantity", "max": 3}, wish("sell", "20"), "3"),
        ({"measure": "position_share", "max": "0.25"}, wish("buy", "20"), "10"),
        ({"measure": "position_value", "max": 210}, wish("buy", "20"), "1"),
        ({"measure": "volume_share", "max": "0.05"}, wish("buy", "20"), "10"),
    ],
)
def test_a_trimming_rule_leaves_what_fits(
    rule: dict[str, object], asked: OrderIntent, left: str
) -> None:
    book = opened(ruled({"action": "trim", **rule}), {"AAA": "20"}, risk=PAST)
    assert refused(asked, book).limit == "rule:r0"
    verdict = examine(asked, book)
    assert (verdict.denial, verdict.quantity) == (None, Decimal(left))
    assert verdict.remark.endswith("trimmed by rule r0")
    assert check(verdict.intent, book) is None
    assert examine(verdict.intent, book).quantity == Decimal(left)


def test_the_smallest_of_several_trims_counts_and_money_is_trimmed_with_the_units() -> None:
    asked = ruled(
        {"action": "trim", "measure": "order_value", "max": 100},
        {"action": "trim", "measure": "order_quantity", "max": 3},
    )
    verdict = examine(wish("buy", "20", notional="200.00"), opened(asked))
    assert verdict.quantity == 3
    assert verdict.intent.terms.notional == Decimal("30.00")
    assert verdict.remark.endswith("rule r1")


def test_where_nothing_is_left_the_order_is_denied() -> None:
    asked = ruled({"action": "trim", "measure": "position_value", "max": 200})
    verdict = examine(wish("buy", "1"), opened(asked, {"AAA": "20"}))
    assert verdict.denial is not None
    assert (verdict.denial.limit, verdict.quantity) == ("rule:r0", 0)
    whole = ExecutionModel(fractional=False)
    asked = ruled({"action": "trim", "measure": "order_value", "max": 15})
    assert examine(wish("buy", "2"), opened(asked, execution=whole)).quantity == 1
    assert examine(wish("buy", "2", "CCC"), opened(asked, execution=whole)).denial is not None


def test_a_sale_is_not_trimmed_by_what_the_position_is() -> None:
    asked = ruled({"action": "trim", "measure": "position_value", "max": 50})
    verdict = examine(wish("sell", "10"), opened(asked, {"AAA": "20"}))
    assert verdict.quantity == 10
    assert "passes what is broken: rule:r0" in verdict.remark


@given(
    units=st.decimals("0.000001", "500", places=6),
    cap=st.decimals("0.01", "0.9", places=4),
    side=st.sampled_from(["buy", "sell"]),
    whole=st.booleans(),
)
def test_what_examine_lets_pass_check_lets_pass(
    units: Decimal, cap: Decimal, side: str, whole: bool
) -> None:
    asked = ruled(
        {"action": "trim", "measure": "position_share", "max": cap},
        {"action": "trim", "measure": "order_value", "max": 300},
        max_gross_share="0.8",
    )
    book = opened(asked, {"AAA": "20"}, execution=ExecutionModel(fractional=not whole))
    verdict = examine(OrderIntent("AAA", side, units), book)
    if verdict.denial is None:
        assert 0 < verdict.quantity <= units
        assert check(verdict.intent, book) is None
    else:
        assert verdict.quantity == 0


def test_after_a_trade_breaches_are_told_by_rule_and_subject() -> None:
    told = {"when": "post_trade", "action": "check"}
    asked = ruled(
        {**told, "measure": "position_share", "max": "0.3"},
        {**told, "measure": "sector_share", "max": "0.4"},
        {**told, "measure": "cash_share", "min": "0.5"},
        {**told, "measure": "gross_share", "max": 2},
        {**told, "measure": "position_value", "max": 1, "symbols": ["CCC"]},
        {**told, "measure": "drawdown", "max": "0.1"},
    )
    # 200 AAA and 400 BBB (both energy), 200 CCC and 200 of cash: 1000.
    held = {"AAA": "20", "BBB": "8", "CCC": "10"}
    moment = Moment(equity=EquityHistory(peak=Decimal(1250)))
    book = opened(asked, held, cash="200.00", moment=moment)
    assert check(wish("buy", "1"), book) is None  # before a trade they deny nothing
    found = [(event.breaker, event.message.split(":")[0], event.value) for event in breaches(book)]
    assert found == [
        ("rule:r0", "BBB", 0.4),
        ("rule:r1", "Energy", 0.6),
        ("rule:r2", "the account", 0.2),
        ("rule:r4", "CCC", 200.0),
        ("rule:r5", "the account", 0.2),
    ]
    assert all(event.action == "review" and not event.enforced for event in breaches(book))
    assert breaches(book)[0].message == (
        "BBB: the position's share of equity is 40.00 %; rule r0 allows at most 30.00 %"
    )


def test_a_breach_that_nobody_can_measure_is_no_breach_that_is_told() -> None:
    told = {"when": "post_trade", "action": "check"}
    asked = ruled({**told, "measure": "price_move", "max": "-1"})
    assert breaches(opened(asked, {"AAA": "20"})) == ()
    assert len(breaches(opened(asked, {"AAA": "20"}, risk=PAST))) == 1
