"""The environment becomes settings, or a refusal that names the variable."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings, describe, load_settings, variable_of
from schemas.errors import BadConfiguration


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the developer's own, neither in the environment nor in a `.env`."""
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields:
        monkeypatch.delenv(variable_of(field), raising=False)
        monkeypatch.delenv(f"{variable_of(field)}_FILE", raising=False)
    for name in [each for each in os.environ if each.startswith("ALPHASHIELD_")]:
        monkeypatch.delenv(name)


def test_a_bare_machine_gets_the_embedded_store_on_loopback_and_paper_orders():
    settings = load_settings()
    assert settings.home == Path(".alphashield")
    assert settings.mongodb_uri is None
    assert settings.host == "127.0.0.1"
    assert settings.alpaca_paper
    assert not settings.live_trading


@pytest.mark.parametrize(
    ("variable", "field"),
    [
        ("MONGODB_URI", "mongodb_uri"),
        ("ANTHROPIC_API_KEY", "anthropic_api_key"),
        ("OPENAI_API_KEY", "openai_api_key"),
        ("VOYAGE_API_KEY", "voyage_api_key"),
        ("PINECONE_API_KEY", "pinecone_api_key"),
        ("ALPACA_API_KEY", "alpaca_api_key"),
        ("ALPACA_SECRET_KEY", "alpaca_secret_key"),
        ("DWAVE_API_TOKEN", "dwave_api_token"),
        ("ALPHAVANTAGE_API_KEY", "alphavantage_api_key"),
        ("FRED_API_KEY", "fred_api_key"),
        ("SENTRY_DSN", "sentry_dsn"),
    ],
)
@pytest.mark.parametrize("source", ["environment", "file", ".env"])
def test_a_secret_is_read_under_its_vendors_name_and_never_printed(
    variable, field, source, monkeypatch, tmp_path
):
    if source == "environment":
        monkeypatch.setenv(variable, "s3cret-value")
    elif source == "file":
        (tmp_path / "secret").write_text("s3cret-value\n")
        monkeypatch.setenv(f"{variable}_FILE", str(tmp_path / "secret"))
    else:
        (tmp_path / ".env").write_text(f"{variable}=s3cret-value\n")
    settings = load_settings()
    assert getattr(settings, field).get_secret_value() == "s3cret-value"
    assert settings.secrets() == ("s3cret-value",)
    assert "s3cret" not in f"{settings!r} {settings} {describe(settings)}"


def test_plain_settings_are_read_under_our_prefix(monkeypatch):
    monkeypatch.setenv("ALPHASHIELD_HOME", "elsewhere")
    monkeypatch.setenv("ALPHASHIELD_PORT", "9000")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1")
    settings = load_settings()
    assert (settings.home, settings.port) == (Path("elsewhere"), 9000)
    assert settings.openai_base_url == "http://127.0.0.1:11434/v1"


@pytest.mark.parametrize(
    ("url", "shown", "secrets"),
    [
        ("https://models.example/v1", "https://models.example/v1", set()),
        ("https://ann:hunter22@m.example/v1", "https://***@m.example/v1", {"hunter22"}),
        ("https://sk-token99@m.example/v1", "https://***@m.example/v1", {"sk-token99"}),
        ("https://ann:p%40ss%2Fword@m.example", "https://***@m.example", {"p@ss/word"}),
        ("https://ann:p@ss/word@m.example", "https://***@m.example", {"p@ss/word"}),
        ("ann:hunter22@m.example/v1", "***@m.example/v1", {"hunter22"}),
    ],
)
def test_a_password_in_a_url_is_never_printed(url, shown, secrets, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    settings = load_settings()
    states = {state.variable: state.shown for state in describe(settings)}
    assert states["OPENAI_BASE_URL"] == shown
    assert settings.openai_base_url == url
    assert secrets <= set(settings.secrets())
    assert bool(secrets) == bool(settings.secrets())
    assert not [each for each in secrets if each in f"{settings!r} {settings} {states}"]


def test_the_environment_wins_over_dotenv_and_an_argument_over_both(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("ALPHASHIELD_PORT=1111\nALPHASHIELD_DATABASE=from_file\n")
    monkeypatch.setenv("ALPHASHIELD_PORT", "2222")
    assert load_settings().port == 2222
    assert load_settings().database == "from_file"
    assert load_settings(port=3333).port == 3333


def test_an_empty_variable_is_not_set(monkeypatch):
    monkeypatch.setenv("MONGODB_URI", "")
    monkeypatch.setenv("ALPACA_PAPER", "")
    assert load_settings().mongodb_uri is None
    assert load_settings().alpaca_paper


@pytest.mark.parametrize("variable", ["ALPACA_PAPER", "ALPHASHIELD_LIVE_TRADING"])
@given(value=st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Z"]), min_size=1))
def test_a_safety_switch_that_is_not_understood_refuses_to_start(variable, value):
    known = {"1", "0", "true", "false", "yes", "no", "on", "off", "t", "f", "y", "n"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(variable, value)
        if value.lower() in known:
            return
        with pytest.raises(BadConfiguration, match=f"^{variable} must be true or false$"):
            load_settings()


@pytest.mark.parametrize(
    ("paper", "live", "outcome"),
    [
        ("true", "false", "paper"),
        ("false", "true", "live"),
        ("false", "false", "refused"),
        ("true", "true", "refused"),
        ("maybe", "true", "refused"),
        (None, "true", "refused"),
        ("false", None, "refused"),
    ],
)
def test_live_trading_needs_two_settings_that_agree(paper, live, outcome, monkeypatch):
    for variable, value in (("ALPACA_PAPER", paper), ("ALPHASHIELD_LIVE_TRADING", live)):
        if value is not None:
            monkeypatch.setenv(variable, value)
    if outcome == "refused":
        with pytest.raises(BadConfiguration, match="ALPACA_PAPER"):
            load_settings()
    else:
        assert load_settings().live_trading == (outcome == "live")


@pytest.mark.parametrize(
    ("unknown", "nearest"),
    [
        ("ALPHASHIELD_HOM", "ALPHASHIELD_HOME"),
        ("ALPHASHIELD_LIVETRADING", "ALPHASHIELD_LIVE_TRADING"),
        ("ALPHASHIELD_MONGODB_URI", "MONGODB_URI"),
        ("ALPHASHIELD_LOG", "ALPHASHIELD_LOG_LEVEL"),
    ],
)
def test_an_unknown_variable_of_ours_is_refused_with_the_nearest_known(
    unknown, nearest, monkeypatch
):
    monkeypatch.setenv(unknown, "x")
    with pytest.raises(
        BadConfiguration, match=rf"^{unknown} is no setting; the nearest is {nearest}\w*$"
    ):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALPHASHIELD_PORT", "eighty"),
        ("ALPHASHIELD_PORT", "70000"),
        ("ALPHASHIELD_LOG_LEVEL", "LOUD"),
        ("ALPHASHIELD_DATABASE", "a/b"),
        ("ALPHASHIELD_LEASE_SECONDS", "nan"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused_by_name_without_being_repeated(
    variable, value, monkeypatch
):
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadConfiguration, match=f"^{variable} ") as refusal:
        load_settings()
    assert value not in str(refusal.value)


def test_a_value_and_a_file_at_once_are_refused_as_ambiguous(monkeypatch, tmp_path):
    (tmp_path / "uri").write_text("mongodb://one")
    monkeypatch.setenv("MONGODB_URI", "mongodb://two")
    monkeypatch.setenv("MONGODB_URI_FILE", str(tmp_path / "uri"))
    with pytest.raises(BadConfiguration, match="both set"):
        load_settings()


def test_a_file_that_is_not_there_is_refused_without_its_path(monkeypatch, tmp_path):
    monkeypatch.setenv("MONGODB_URI_FILE", str(tmp_path / "absent"))
    with pytest.raises(BadConfiguration, match="MONGODB_URI_FILE") as refusal:
        load_settings()
    assert str(tmp_path) not in str(refusal.value)


def test_doctor_sees_each_setting_once_with_its_meaning(monkeypatch):
    monkeypatch.setenv("ALPHASHIELD_PORT", "9000")
    states = {state.variable: state for state in describe(load_settings())}
    assert len(states) == len(Settings.model_fields)
    assert all(state.meaning for state in states.values())
    assert (states["ALPHASHIELD_PORT"].is_set, states["ALPHASHIELD_PORT"].shown) == (True, "9000")
    assert (states["MONGODB_URI"].is_set, states["MONGODB_URI"].shown) == (False, "not set")
