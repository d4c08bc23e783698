"""What an installation knows, as far as requests are checked against it and filled in from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from interfaces.calendar import TradingCalendar
from interfaces.documents import DocumentSource
from interfaces.market import DataCatalog
from orchestrator.jobs import Admission
from schemas.execution import ExecutionModel
from schemas.facts import UniverseStay
from schemas.risk import RiskLimits


class Risk(Protocol):
    """The limits of an installation."""

    def limits_for(self, model: str) -> RiskLimits:
        """Return the limits of a model."""
        ...


class Installation(Protocol):
    """One installation; a process's `System` is one."""

    @property
    def catalog(self) -> DataCatalog:
        """The data sets."""
        ...

    @property
    def models(self) -> Collection[str]:
        """Who may be asked for."""
        ...

    @property
    def code_version(self) -> str:
        """Which program this is."""
        ...

    @property
    def universes(self) -> Mapping[str, Sequence[UniverseStay]]:
        """The named universes."""
        ...

    @property
    def documents(self) -> DocumentSource:
        """The user's own documents."""
        ...

    @property
    def execution(self) -> ExecutionModel:
        """How orders fill when a request does not say."""
        ...

    @property
    def risk(self) -> Risk:
        """What the gate enforces when a request does not say."""
        ...

    def with_sectors(self, limits: RiskLimits) -> RiskLimits:
        """Return limits with the sectors known here, where they ask for some and bring none."""
        ...


def admission_of(system: Installation, calendar: Callable[[str], TradingCalendar]) -> Admission:
    """Return what requests are checked against and filled in from, whichever door they come by."""
    return Admission(
        catalog=system.catalog,
        calendar=calendar,
        models=system.models,
        code_version=system.code_version,
        universes=system.universes,
        documents=system.documents,
        execution=system.execution,
        limits_for=system.risk.limits_for,
        completed=system.with_sectors,
    )
