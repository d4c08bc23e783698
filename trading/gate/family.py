"""What orders have to do with one another: brackets, and groups that cancel one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from schemas.base import ZERO
from trading.orders import OrderIntent

_NONE = Decimal(0)
Key = tuple[str, str, str]
"""A group, a symbol and a side."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An order that children may wait for."""

    intent: OrderIntent
    opens: Decimal
    """Units beyond what was held on the other side: a child that closes them adds nothing."""
    sure: bool
    """Whether it counts as filled."""


@dataclass(frozen=True, slots=True)
class Family:
    """The orders of a book by their ids, groups and parents."""

    parents: Mapping[str, Entry | None] = field(default_factory=dict[str, "Entry | None"])
    """Orders by id: to be filled, or None where they have."""
    claimed: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    """Units of a parent that its waiting children turn back."""
    counted: Mapping[Key, tuple[Decimal, Decimal]] = field(
        default_factory=dict[Key, tuple[Decimal, Decimal]]
    )
    """Units and outlay counted of a group, for a symbol and a side."""

    def parent(self, intent: OrderIntent) -> Entry | None:
        """Return the order that this one waits for; None where it waits for none."""
        name = intent.terms.parent_id
        return None if name is None else self.parents.get(name)

    def claims(self, intent: OrderIntent) -> Decimal:
        """Return the units that the children of the order's parent turn back already."""
        return self.claimed.get(intent.terms.parent_id or "", _NONE)

    def known(self, intent: OrderIntent) -> tuple[Decimal, Decimal]:
        """Return units and outlay that are counted for other orders of its group."""
        if intent.terms.oco_group is None:
            return _NONE, ZERO
        return self.counted.get(self._key(intent), (_NONE, ZERO))

    def with_parent(self, name: str, entry: Entry) -> Family:
        """Return it with an order that later ones may wait for."""
        return replace(self, parents={**self.parents, name: entry})

    def with_units(self, intent: OrderIntent, units: Decimal, outlay: Decimal) -> Family:
        """Return it once these units and this outlay are counted for the order."""
        family = self
        if intent.terms.oco_group is not None:
            before = self.known(intent)
            total = before[0] + units, before[1] + outlay
            family = replace(family, counted={**self.counted, self._key(intent): total})
        if self.parent(intent) is not None:
            name = intent.terms.parent_id or ""
            claimed = {**self.claimed, name: self.claims(intent) + units}
            family = replace(family, claimed=claimed)
        return family

    def unsold(self) -> Family:
        """Return it as if no sale were sure to fill."""
        parents = {
            name: replace(entry, sure=False) if entry and entry.intent.side == "sell" else entry
            for name, entry in self.parents.items()
        }
        return replace(self, parents=parents)

    def _key(self, intent: OrderIntent) -> Key:
        terms = intent.terms
        # Apart from the group's own key: what waits takes no units of its own.
        waits = self.parent(intent) is not None
        group = f"{terms.parent_id}/{terms.oco_group}" if waits else terms.oco_group or ""
        return group, intent.symbol, intent.side
