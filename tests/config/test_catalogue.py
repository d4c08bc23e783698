"""The YAML defaults say what the code and the bundled data say."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import get_args

import anthropic.types
import openai.types
import pytest
import skfolio.datasets

from config.catalogue import load_execution, load_models, load_universes
from schemas.agents import AGENTS
from schemas.errors import BadConfiguration
from schemas.execution import BpsSlippage, ExecutionModel, PerShareCommission


def test_the_baselines_are_listed_as_free_and_rules_serves_all_six_agents():
    models = load_models()
    baselines = {name for name in models if name.startswith("baseline:")}
    assert baselines == {
        f"baseline:{policy}"
        for policy in ("rules", "buy-and-hold", "equal-weight", "momentum", "min-variance")
    }
    assert all(models[name].is_free and models[name].deterministic for name in baselines)
    assert set(models["baseline:rules"].agents) == set(AGENTS)


def test_every_outside_model_has_a_dated_price_and_an_id_its_vendor_knows():
    known = {
        "anthropic": {name for part in get_args(anthropic.types.Model) for name in get_args(part)},
        "openai": set(get_args(openai.types.ChatModel)),
    }
    for name, model in load_models().items():
        if not model.is_free:
            assert name.partition(":")[2] in known[model.provider]
            assert model.price.output_usd > model.price.input_usd > 0


def test_the_universes_are_what_the_bundled_data_holds():
    universes = load_universes()
    stocks, factors = (
        skfolio.datasets.load_sp500_dataset(),
        skfolio.datasets.load_factors_dataset(),
    )
    assert universes["bundled-20"].symbols == tuple(stocks.columns)
    assert universes["factor-etfs"].symbols == tuple(factors.columns)


def test_the_defaults_mean_the_same_whichever_door_a_request_came_by():
    assert load_execution() == ExecutionModel()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("commission: {kind: bps, bps: -1}", "commission.bps"),
        ("commissions: 1", "commissions"),
        ("spread: {kind: fixed, half_bps: .nan}", "spread"),
        ("[", "cannot be read"),
        ("just words", "valid dictionary"),
    ],
)
def test_a_default_that_cannot_be_right_is_refused_by_name(text, says, tmp_path):
    path = tmp_path / "execution.yaml"
    path.write_text(text)
    with pytest.raises(BadConfiguration, match=f"execution.yaml.*{says}"):
        load_execution(path)


def test_a_model_without_a_price_or_listed_twice_is_refused(tmp_path):
    path = tmp_path / "models.yaml"
    path.write_text("- {name: 'openai:gpt-5.5', description: no price}")
    with pytest.raises(BadConfiguration, match="every other model has one"):
        load_models(path)
    path.write_text("- &a {name: 'baseline:rules', description: one}\n- *a")
    with pytest.raises(BadConfiguration, match="twice"):
        load_models(path)


def test_costs_are_read_exactly(tmp_path):
    path = tmp_path / "execution.yaml"
    path.write_text(
        "commission: {kind: per_share, per_share: '0.005'}\nslippage: {kind: bps, bps: 0.1}\n"
    )
    read = load_execution(path)
    assert read.commission == PerShareCommission(per_share=Decimal("0.005000"))
    assert read.slippage == BpsSlippage(bps=Decimal("0.1"))


def test_members_of_a_universe_come_and_go() -> None:
    dow = load_universes()["dow-among-bundled"]
    stays = {(each.symbol, each.enters, each.leaves) for each in dow.stays}
    assert ("AAPL", date(2015, 3, 19), None) in stays
    assert ("CVX", None, date(1999, 11, 1)) in stays
    assert ("CVX", date(2008, 2, 19), None) in stays


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {name: a, description: d}", "give either symbols or members"),
        ("- {name: a, description: d, symbols: [A], members: [{symbol: A}]}", "either"),
        ("- {name: a, description: d, members: [{symbol: A}, {symbol: A}]}", "overlap"),
        (
            """
            - name: a
              description: d
              members: [{symbol: A, enters: 2020-02-02, leaves: 2020-02-02}]
            """,
            "before it has entered",
        ),
    ],
)
def test_a_universe_that_cannot_be_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "universes.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadConfiguration, match=says):
        load_universes(path)
