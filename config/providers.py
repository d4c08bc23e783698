"""Who is asked for market data, in which order, and how much: `providers.yaml` as typed values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from schemas.base import Message
from schemas.downloads import FactKind, ProviderName
from schemas.errors import BadConfiguration
from schemas.facts import SeriesId

OURS = frozenset({"files", "bundled"})
"""Providers that are no vendors: they have no address and no limit."""
_HERE = Path(__file__).parent
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _safe(url: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.netloc or parts.query:
        raise ValueError("must be a plain address without user, password or query")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("must begin with https://, because the key travels with every request")
    return url.rstrip("/")


class Vendor(Message):
    """Where a vendor is, and its limits; None: it has none."""

    base_url: Annotated[str, AfterValidator(_safe)]
    per_minute: int | None = Field(default=None, ge=1)
    per_day: int | None = Field(default=None, ge=1, description="in any 24 hours")
    attempts: int = Field(default=3, ge=1, le=3, description="requests of one call, in all")
    deadline_seconds: float = Field(default=120.0, gt=0, le=600, description="of one call")
    adjusted: bool = Field(default=False, description="Alpha Vantage alone: the paid daily bars")
    feed: Literal["iex", "sip"] = Field(
        default="iex", description="Alpaca alone: one exchange for free, or all of them"
    )


class ListedSeries(Message):
    """A macro series that is offered by name."""

    series: SeriesId
    title: str


class Providers(Message):
    """The whole file."""

    order: dict[FactKind, Annotated[tuple[ProviderName, ...], Field(min_length=1)]]
    vendors: dict[ProviderName, Vendor]
    series: tuple[ListedSeries, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        known = {*self.vendors, *OURS}
        for kind, names in self.order.items():
            if len(set(names)) != len(names):
                raise ValueError(f"the order for {kind} names a provider twice")
            if unknown := sorted(set(names) - known):
                raise ValueError(f"the order for {kind} names {unknown[0]}, which is not listed")
        if len({each.series for each in self.series}) != len(self.series):
            raise ValueError("a series is listed twice")
        return self


def load_providers(path: Path = _HERE / "providers.yaml") -> Providers:
    """Return what the file says; `BadConfiguration` names the place that cannot be."""
    try:
        return Providers.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadConfiguration(f"{path.name}: {where} {first['msg']}".strip()) from error
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{path.name} cannot be read as YAML") from error
