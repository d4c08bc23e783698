"""Settings from the environment, from `.env`, and from files that variables name.

Every variable may be given as NAME, or as NAME_FILE: the path of a file that holds the value.
Ours begin with ALPHASHIELD_; vendors' variables keep their own names. Empty means not set. What
cannot be understood refuses to start, because a misread safety switch costs money.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote

from dotenv import dotenv_values
from pydantic import Field, SecretStr, StringConstraints, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from schemas.base import Message
from schemas.errors import BadConfiguration

PREFIX = "ALPHASHIELD_"
_LATER = "its adapter is not in this version, so it changes nothing yet"
# Up to the last @, as a password may hold one, or a slash, that was not escaped.
_USERINFO = re.compile(r"^(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)?(?P<userinfo>.*)@")
_VENDORS = frozenset(
    {
        "mongodb_uri",
        "anthropic_api_key",
        "openai_api_key",
        "openai_base_url",
        "voyage_api_key",
        "pinecone_api_key",
        "alpaca_api_key",
        "alpaca_secret_key",
        "alpaca_paper",
        "dwave_api_token",
        "alphavantage_api_key",
        "fred_api_key",
        "sentry_dsn",
    }
)
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,38}$")]


def variable_of(field: str) -> str:
    """Return the environment variable of a field of `Settings`."""
    return field.upper() if field in _VENDORS else PREFIX + field.upper()


def environment() -> dict[str, str]:
    """Return the variables of `.env` in the working directory, and over them the environment."""
    from_file = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    return {**from_file, **os.environ}


def _value(variables: Mapping[str, str], name: str) -> str | None:
    """Read a variable, or the file it names; both at once would be ambiguous."""
    direct, path = variables.get(name), variables.get(f"{name}_FILE")
    if not path:
        return direct or None
    if direct:
        raise BadConfiguration(f"{name} and {name}_FILE are both set; keep one")
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"the file that {name}_FILE names cannot be read") from error


class _Environment(PydanticBaseSettingsSource):
    """Our one source: the mapping above, by exact name."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 -- pydantic's signature
        return _value(environment(), variable_of(field_name)), field_name, False

    def __call__(self) -> dict[str, Any]:
        variables = environment()
        values = {
            name: _value(variables, variable_of(name)) for name in self.settings_cls.model_fields
        }
        return {name: value for name, value in values.items() if value is not None}


class Settings(BaseSettings):
    """Everything that may differ between two installations. Secrets print as asterisks."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    home: Path = Field(default=Path(".alphashield"), description="where data and store are kept")
    mongodb_uri: SecretStr | None = Field(
        default=None, description="a MongoDB of yours; without it the embedded store is started"
    )
    database: Name = Field(default="alphashield", description="name of the database")
    host: str = Field(default="127.0.0.1", description="address the API binds to")
    port: int = Field(default=8000, ge=1, le=65535, description="port of the API")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="WARNING", description="least level that is logged"
    )
    log_format: Literal["console", "json"] = Field(
        default="console", description="lines for people, or JSON lines"
    )
    lease_seconds: float = Field(
        default=30.0, ge=1, le=3600, description="how long a worker owns a job without heartbeat"
    )
    drain_seconds: float = Field(
        default=30.0, ge=0, le=3600, description="how long a worker finishes after SIGTERM"
    )
    data_check_hours: float = Field(
        default=24.0,
        ge=0,
        le=8760,
        description="how often a worker checks every data set; 0: never",
    )
    live_trading: bool = Field(
        default=False,
        description="real orders, if ALPACA_PAPER=false says so too; there is no broker to send "
        "them to in this version",
    )
    alpaca_paper: bool = Field(
        default=True,
        description="paper orders at Alpaca, the safe default; there is no broker in this version",
    )
    alpaca_api_key: SecretStr | None = Field(
        default=None,
        description="prices, actions, news and quotes from Alpaca, with ALPACA_SECRET_KEY; there "
        "is no broker in this version",
    )
    alpaca_secret_key: SecretStr | None = Field(
        default=None, description="the other half of ALPACA_API_KEY"
    )
    anthropic_api_key: SecretStr | None = Field(
        default=None, description=f"models anthropic:…; {_LATER}"
    )
    openai_api_key: SecretStr | None = Field(default=None, description=f"models openai:…; {_LATER}")
    openai_base_url: str | None = Field(
        default=None,
        repr=False,  # it may hold a password: `describe` masks it
        description=f"any OpenAI-compatible endpoint instead of OpenAI's own; {_LATER}",
    )
    voyage_api_key: SecretStr | None = Field(
        default=None, description=f"embeddings by Voyage; {_LATER}"
    )
    pinecone_api_key: SecretStr | None = Field(
        default=None, description=f"vectors in Pinecone; {_LATER}"
    )
    dwave_api_token: SecretStr | None = Field(
        default=None, description=f"D-Wave's samplers; {_LATER}"
    )
    alphavantage_api_key: SecretStr | None = Field(
        default=None,
        description="prices, splits and dividends from Alpha Vantage; its JSON files are imported "
        "without it",
    )
    fred_api_key: SecretStr | None = Field(
        default=None, description="economic series of FRED with their ALFRED vintages"
    )
    sentry_dsn: SecretStr | None = Field(
        default=None, description=f"errors reported to Sentry; {_LATER}"
    )

    @classmethod
    def settings_customise_sources(  # noqa: PLR0917 -- pydantic's signature
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then our one source; pydantic's own know no NAME_FILE."""
        return init_settings, _Environment(settings_cls)

    @model_validator(mode="after")
    def _live_only_when_both_say_so(self) -> Self:
        if self.live_trading == self.alpaca_paper:
            raise ValueError(
                "ALPACA_PAPER and ALPHASHIELD_LIVE_TRADING disagree: live trading needs "
                "ALPACA_PAPER=false and ALPHASHIELD_LIVE_TRADING=true, paper trading neither"
            )
        return self

    def secrets(self) -> tuple[str, ...]:
        """Return the secret values that are set, for the log's redaction and nothing else."""
        values = (getattr(self, name) for name in type(self).model_fields)
        whole = tuple(v.get_secret_value() for v in values if isinstance(v, SecretStr))
        return whole + _credentials_in(self.openai_base_url or "")


class SettingState(Message):
    """One setting as `alphashield doctor` shows it."""

    variable: str
    meaning: str
    is_set: bool
    shown: str


def describe(settings: Settings) -> tuple[SettingState, ...]:
    """List every setting with its variable, its meaning and its value; secrets say only `set`."""
    return tuple(
        SettingState(
            variable=variable_of(name),
            meaning=field.description or "",
            is_set=name in settings.model_fields_set,
            shown=_shown(getattr(settings, name)),
        )
        for name, field in Settings.model_fields.items()
    )


def _shown(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, str):
        return _USERINFO.sub(r"\g<scheme>***@", value)
    return "set" if isinstance(value, SecretStr) else str(value)


def _credentials_in(url: str) -> tuple[str, ...]:
    """Return what a URL holds before its host, whole and as the password alone; often nothing."""
    found = _USERINFO.match(url)
    if found is None:
        return ()
    userinfo = found["userinfo"]
    password = userinfo.partition(":")[2] or userinfo
    return tuple(dict.fromkeys((userinfo, password, unquote(password))))


def _refuse_unknown(variables: Mapping[str, str]) -> None:
    known = [variable_of(name) for name in Settings.model_fields]
    known += [f"{name}_FILE" for name in known]
    for name in sorted(variables):
        if name.startswith(PREFIX) and name not in known:
            bare = {each.removeprefix(PREFIX): each for each in known}
            near = difflib.get_close_matches(name.removeprefix(PREFIX), bare, n=1, cutoff=0.0)
            raise BadConfiguration(f"{name} is no setting; the nearest is {bare[near[0]]}")


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; `overrides` (by field name) win over the environment.

    Raises `BadConfiguration` with one sentence that names the variable and never a value.
    """
    _refuse_unknown(environment())
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise BadConfiguration(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "value_error":
        return first["msg"].removeprefix("Value error, ")
    what = {
        "bool_parsing": "must be true or false",
        "bool_type": "must be true or false",
        "extra_forbidden": "is no setting",
    }.get(first["type"], first["msg"].replace("Input should be", "must be").lower())
    return f"{variable_of(str(first['loc'][0]))} {what}"
