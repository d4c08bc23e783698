"""The report says everything that is in a bundle, and nothing in a bundle can speak as markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from decimal import Decimal
from functools import cache

import pytest

from orchestrator.report.decisions import decision_rows
from orchestrator.report.html import render_report
from orchestrator.report.words import quantity
from schemas.agents import AgentDecision, TradingDecision
from schemas.results import ResultsBundle
from tests.orchestrator.reading import Page, read
from tests.orchestrator.report_arena_sample import MODELS, trading_decision
from tests.orchestrator.report_sample import arena_job, bundle, loan_job, small_bundle

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}"


@cache
def html() -> str:
    return render_report(small_bundle(), manifest_repeat="alphashield demo")


@cache
def page() -> Page:
    return read(html())


def poisoned() -> ResultsBundle:
    """A bundle whose every free text is hostile."""

    def poison(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            words = {"tail_risk", "intervals", "limits", "execution"}  # of a closed list, no texts
            return {k: v if k in words else poison(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [poison(v, key) for v in value]
        free = {
            *("reason", "rationale", "sentence", "title", "assumptions", "description", "caveats"),
            *("status_reason", "borrower", "borrower_name", "purpose", "evidence", "abstention"),
            *("code_version", "statement", "tool", "method"),
        }
        return EVIL if isinstance(value, str) and key in free else value

    raw = json.loads(small_bundle().model_dump_json())
    return ResultsBundle.model_validate_json(json.dumps(poison(raw)))


def test_elements_are_in_balance() -> None:
    assert page().unbalanced == []


def test_the_same_bundle_gives_the_same_bytes() -> None:
    assert render_report(small_bundle(), manifest_repeat="alphashield demo") == html()


def test_nothing_is_loaded_from_anywhere() -> None:
    loading = {"src", "srcset", "action", "formaction", "data", "poster", "xlink:href"}
    for tag, attributes in page().tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}
        assert not loading & set(attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert "//" not in re.sub(r"'sha256-[^']*'", "", html())
    assert set(re.findall(r"url\(([^)]*)\)", html())) == {"#hatch"}


def test_links_within_the_page_arrive() -> None:
    ids = [attributes["id"] for _, attributes in page().tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page().tags:
        if "href" in attributes:
            assert (attributes["href"] or "")[1:] in ids


def test_the_policy_allows_the_own_style_and_script_and_no_other() -> None:
    policy = next(
        attributes["content"] or ""
        for tag, attributes in page().tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    inline = re.findall(r"<(?:style|script)>(.*?)</(?:style|script)>", html(), re.DOTALL)
    assert len(inline) == 2
    for text in inline:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    for _, attributes in page().tags:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]


def test_hostile_text_stays_text() -> None:
    results = poisoned()
    found = read(render_report(results, manifest_repeat=EVIL))
    assert found.unbalanced == []
    assert [tag for tag, _ in found.tags if tag == "img"] == []
    assert len([tag for tag, _ in found.tags if tag == "script"]) == len(
        [tag for tag, _ in page().tags if tag == "script"]
    )
    trades = [trade for job in results.jobs for run in job.runs for trade in run.trades]
    shown = [row[8] for row in found.rows if len(row) == 9 and row[1][2:] in ("buy", "sell")]
    assert len(shown) == len(trades) > 0
    assert all(text.startswith(EVIL) for text in shown)


def test_hostile_names_cannot_leave_the_readouts() -> None:
    job = arena_job(MODELS[:1])
    name = "</script><script>alert(1)</script>"
    evil = job.benchmarks[0].model_copy(update={"name": name})
    results = bundle(job.model_copy(update={"benchmarks": (evil,)}))
    found = render_report(results, manifest_repeat="x")
    assert name not in found
    readout = re.search(r'class="readout">(.*?)</script>', found)
    assert readout is not None
    assert name in [series[0] for series in json.loads(readout.group(1))["series"]]


def test_every_trade_stands_in_the_page_with_its_reason() -> None:
    shown = [row for row in page().rows if len(row) == 9 and row[1][2:] in ("buy", "sell")]
    runs = [run for job in small_bundle().jobs for run in job.runs]
    trades = [trade for run in runs for trade in run.trades]
    assert len(shown) == len(trades) > 40
    for row, trade in zip(shown, trades, strict=True):
        fill = trade.fill
        assert row[0] == fill.session.isoformat()
        assert row[1].endswith(fill.side)
        assert row[2:4] == [fill.symbol, quantity(fill.quantity)]
        assert row[5] == f"${fill.amount:,.2f}"
        assert row[8].startswith(trade.reason)


def test_every_decision_is_counted_and_none_twice() -> None:
    for job in (loan_job(), arena_job(MODELS[:3])):
        for run in job.runs:
            rows = decision_rows(run.decisions)
            assert sum(row.sessions for row in rows) == len(run.decisions)
            for row in rows:
                if row.sessions > 1:
                    listed = sum(len(days.split()) for _, days in row.dates)
                    assert listed == row.sessions


def test_only_decisions_that_change_nothing_share_a_row() -> None:
    rows = decision_rows(arena_job(MODELS[:2]).runs[1].decisions)
    assert {row.action for row in rows if row.sessions > 1} == {"hold"}
    rebalances = [row for row in rows if row.action == "rebalance"]
    assert len(rebalances) == 37
    assert all(row.sessions == 1 for row in rebalances)


def _holds(*rationales: str) -> list[AgentDecision]:
    base = trading_decision("momentum", None, (), drift=0.0)
    assert isinstance(base.output, TradingDecision)
    return [
        base.model_copy(
            update={
                "output": base.output.model_copy(
                    update={"rationale": text, "features": {"drift": k / 100}}
                )
            }
        )
        for k, text in enumerate(rationales)
    ]


def test_holds_that_differ_in_a_figure_share_a_row_which_says_each() -> None:
    records = arena_job(MODELS[:1]).runs[0].decisions[1:4]
    said = ("Drift is 0.1 %.", "Drift is 0.2 %.", "Drift is 0.3 %.")
    (row,) = decision_rows(
        [r.model_copy(update={"decision": d}) for r, d in zip(records, _holds(*said), strict=True)]
    )
    assert row.sessions == 3
    assert tuple(text for _, text in row.each) == said
    assert row.features == (("drift", "0 to 0.02"),)


def test_holds_for_different_reasons_stand_apart() -> None:
    records = arena_job(MODELS[:1]).runs[0].decisions[1:3]
    rows = decision_rows(
        [
            r.model_copy(update={"decision": d})
            for r, d in zip(records, _holds("Too dear.", "Not due."), strict=True)
        ]
    )
    assert [row.rationale for row in rows] == ["Too dear.", "Not due."]


def test_an_abstention_is_shown_with_its_reason() -> None:
    job = arena_job(MODELS[:1])
    record = job.runs[0].decisions[5]
    silent = record.decision.model_copy(
        update={"output": None, "abstention": "The answer was no valid decision."}
    )
    (row,) = decision_rows([record.model_copy(update={"decision": silent})])
    assert (row.action, row.rationale) == ("abstained", "The answer was no valid decision.")


def test_caveats_stand_before_the_first_figure() -> None:
    words = page().words()
    for caveat in small_bundle().jobs[0].dataset.caveats:
        assert caveat in words
    assert html().index('id="caveats"') < html().index("<figure")


def test_keys_hashes_assumptions_and_the_way_to_repeat_are_said() -> None:
    words = page().words()
    for job in small_bundle().jobs:
        for said in (*job.assumptions, job.dataset.data_hash):
            assert said in words
        for run in job.runs:
            assert run.run_key in words
            assert run.ledger_hash in words
    assert "alphashield demo" in words


def test_refused_orders_are_shown_with_the_reason() -> None:
    words = page().words()
    assert "ZZZZ is not in the universe." in words
    assert "a symbol outside the universe" in words


def test_every_drawing_has_words_for_those_who_cannot_see_it() -> None:
    drawings = [attributes for tag, attributes in page().tags if tag == "svg"]
    assert len(drawings) > 15
    for attributes in drawings:
        assert attributes.get("aria-label") or attributes.get("aria-hidden") == "true"


def test_every_readout_is_json_of_equal_columns() -> None:
    found = re.findall(r'class="readout">(.*?)</script>', html())
    assert len(found) >= 6
    for text in found:
        data = json.loads(text)
        size = len(data.get("labels") or data["at"])
        assert size > 0
        assert all(len(values) == size for _, values in data["series"])


def test_settled_instalments_stand_in_the_schedule() -> None:
    loan = loan_job().runs[0].loan
    assert loan is not None
    shown = [row for row in page().rows if len(row) == 11 and row[0].isdigit()]
    assert [row[0] for row in shown] == [str(month.number) for month in loan.months]
    for row, month in zip(shown, loan.months, strict=True):
        assert row[2] == f"${month.payment:,.2f}"
        assert row[9] == (f"${month.shortfall:,.2f}" if month.shortfall else "–")


@pytest.mark.parametrize("case", ["refused", "empty run", "one session", "no yardstick"])
def test_odd_bundles_still_make_a_whole_page(case: str) -> None:
    job = arena_job(MODELS[:1], arena_job().runs[0].curve.sessions[0])
    run = job.runs[0]
    if case == "refused":
        job = loan_job(approve=False)
    elif case == "empty run":
        curve = run.curve.model_copy(
            update=dict.fromkeys(("sessions", "cash", "market_value", "equity"), ())
        )
        update = {"curve": curve, "state": "failed", "error": "It broke", "trades": ()}
        job = job.model_copy(update={"runs": (run.model_copy(update=update),)})
    elif case == "no yardstick":
        job = job.model_copy(update={"benchmarks": ()})
    found = read(render_report(bundle(job), manifest_repeat="x"))
    assert found.unbalanced == []
    assert job.title in found.words()


def test_the_whole_demo_stays_small() -> None:
    results = bundle()
    assert sum(len(run.trades) for job in results.jobs for run in job.runs) > 1500
    assert len(render_report(results, manifest_repeat="x").encode()) < 3_000_000


def test_another_currency_is_written_as_such() -> None:
    job = arena_job(MODELS[:1])
    abroad = job.dataset.model_copy(update={"currency": "CHF"})
    found = read(
        render_report(bundle(job.model_copy(update={"dataset": abroad})), manifest_repeat="x")
    )
    assert f"CHF\u00a0{Decimal(100000):,}" in " ".join(found.text)
    assert "$1" not in " ".join(found.text)
