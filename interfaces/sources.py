"""The providers of one installation: whom to ask, in which order, and what the others lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from interfaces.providers import DataProvider
from schemas.downloads import FactKind


@dataclass(frozen=True, slots=True)
class Sources:
    """Providers by name, each set up; `order` says who is asked for what, the best first.

    `unset` has those that are not set up, each with the sentence that says what to set.
    """

    providers: Mapping[str, DataProvider]
    order: Mapping[FactKind, Sequence[str]]
    unset: Mapping[str, str] = field(default_factory=dict[str, str])

    def asked(self, kind: FactKind, names: Sequence[str] | None) -> tuple[DataProvider, ...]:
        """Return whom to ask for a kind, in order: of these names, or of the configured ones.

        Whoever is not set up or does not offer the kind is left out.
        """
        found = (self.providers.get(name) for name in names or self.order.get(kind, ()))
        return tuple(each for each in found if each is not None and kind in each.offers)
