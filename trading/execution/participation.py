"""How much of a bar's volume the account may be."""

from __future__ import annotations

from decimal import Decimal

from schemas.execution import Participation


class ParticipationCap:
    """A share of the bar's volume for all of the account's orders in the symbol together.

    One for all of them: an order cut in pieces gets no more than the whole one would.
    """

    def __init__(self, terms: Participation | None) -> None:
        self._share = None if terms is None else terms.max_share
        self.carry_sessions = 0 if terms is None else terms.carry_sessions

    def most(self, volume: Decimal | None) -> Decimal | None:
        """Return the units of a bar that may be traded in all; None: any number."""
        return None if self._share is None else self._share * (volume or Decimal())
