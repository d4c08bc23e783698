"""The YAML defaults as typed, frozen values: models, universes, costs.

They are read anew at each call, from this folder unless a path is given.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Self, TypeVar

import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from schemas.agents import AGENTS, AgentName
from schemas.base import Message, Symbol
from schemas.errors import BadConfiguration
from schemas.execution import ExecutionModel
from schemas.facts import UniverseName, UniverseStay
from schemas.jobs import ModelName

_HERE = Path(__file__).parent
T = TypeVar("T")
UsdPerMillion = Annotated[Decimal, Field(ge=0, le=10_000)]


class ModelPrice(Message):
    """US dollars per million tokens, and the day that was so; check before you rely on it."""

    as_of: date
    input_usd: UsdPerMillion
    cached_input_usd: UsdPerMillion
    output_usd: UsdPerMillion

    @model_validator(mode="after")
    def _cache_is_no_dearer(self) -> Self:
        if self.cached_input_usd > self.input_usd:
            raise ValueError("cached input is dearer than input")
        return self


class ListedModel(Message):
    """A model that may be asked for by name. No price means free: it runs in our process."""

    name: ModelName
    description: str
    agents: tuple[AgentName, ...] = Field(default=AGENTS, min_length=1)
    deterministic: bool = False
    tools: bool = Field(default=True, description="can call tools")
    structured_output: bool = Field(default=True, description="can be held to a JSON schema")
    price: ModelPrice | None = None

    @property
    def provider(self) -> str:
        """The part before the colon, which chooses the adapter."""
        return self.name.partition(":")[0]

    @property
    def is_free(self) -> bool:
        """Whether a call costs no money."""
        return self.price is None

    @model_validator(mode="after")
    def _outside_models_have_a_price(self) -> Self:
        if (self.provider == "baseline") != (self.price is None):
            raise ValueError(f"{self.name}: a baseline has no price, every other model has one")
        return self


class Universe(Message):
    """A named list of what may be traded: symbols for good, or members with their stays."""

    name: UniverseName
    description: str
    symbols: tuple[Symbol, ...] = ()
    members: tuple[UniverseStay, ...] = Field(
        default=(), description="a symbol that came back has a line for each stay"
    )

    @property
    def stays(self) -> tuple[UniverseStay, ...]:
        """Every stay; of a plain list of symbols, from ever to ever."""
        return self.members or tuple(UniverseStay(symbol=symbol) for symbol in self.symbols)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.symbols) == bool(self.members):
            raise ValueError(f"{self.name}: give either symbols or members")
        ends: dict[str, date | None] = {}
        for stay in sorted(self.stays, key=lambda each: (each.symbol, each.enters or date.min)):
            if stay.symbol in ends:
                before = ends[stay.symbol]
                if before is None or stay.enters is None or stay.enters < before:
                    raise ValueError(f"{self.name}: the stays of {stay.symbol} overlap")
            ends[stay.symbol] = stay.leaves
        return self


N = TypeVar("N", ListedModel, Universe)


def _load(kind: type[T], path: Path) -> T:
    try:
        return TypeAdapter(kind).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadConfiguration(f"{path.name}: {where} {first['msg']}".strip()) from error
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{path.name} cannot be read as YAML") from error


def _by_name(listed: tuple[N, ...], path: Path) -> dict[str, N]:
    named = {each.name: each for each in listed}
    if len(named) != len(listed):
        raise BadConfiguration(f"{path.name} lists a name twice")
    return named


def load_models(path: Path = _HERE / "models.yaml") -> dict[str, ListedModel]:
    """Return the listed models by name, in the file's order."""
    return _by_name(_load(tuple[ListedModel, ...], path), path)


def load_universes(path: Path = _HERE / "universes.yaml") -> dict[str, Universe]:
    """Return the named universes, in the file's order."""
    return _by_name(_load(tuple[Universe, ...], path), path)


def load_execution(path: Path = _HERE / "execution.yaml") -> ExecutionModel:
    """Return what a fill costs when the request does not say."""
    return _load(ExecutionModel, path)
