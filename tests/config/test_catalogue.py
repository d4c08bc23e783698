"""The YAML defaults say what the code and the bundled data say."""

from decimal import Decimal
from typing import get_args

import anthropic.types
import openai.types
import pytest
import skfolio.datasets

from config.catalogue import load_costs, load_limits, load_models, load_universes
from schemas.agents import AGENTS
from schemas.errors import BadConfiguration
from schemas.orders import CostModel, RiskLimits


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
    assert load_costs() == CostModel()
    assert load_limits() == RiskLimits()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("commission_bps: -1", "commission_bps"),
        ("commission: 1", "commission"),
        ("half_spread_bps: .nan", "half_spread_bps"),
        ("[", "cannot be read"),
        ("just words", "valid dictionary"),
    ],
)
def test_a_default_that_cannot_be_right_is_refused_by_name(text, says, tmp_path):
    path = tmp_path / "execution.yaml"
    path.write_text(text)
    with pytest.raises(BadConfiguration, match=f"execution.yaml.*{says}"):
        load_costs(path)


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
    path.write_text("commission_per_share: '0.005'\nslippage_bps: 0.1\n")
    assert load_costs(path).commission_per_share == Decimal("0.005000")
    assert load_costs(path).slippage_bps == Decimal("0.1")
