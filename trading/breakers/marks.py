"""What a session made of an account, apart from what was put in or taken out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from schemas.base import ZERO
from schemas.errors import InvalidRequest
from schemas.tick import Tick
from trading.flows import outside_flows


@dataclass(frozen=True, slots=True)
class Mark:
    """An account at one moment of a session.

    `paid_in` came before the session's orders and `paid_out` went after them, in money, both of
    the session so far. A mark is the session's last one unless `closing` is false.
    """

    session: date
    equity: Decimal
    paid_in: Decimal = ZERO
    paid_out: Decimal = ZERO
    closing: bool = True


def mark_of(tick: Tick) -> Mark:
    """Return the closing mark of a committed session."""
    paid_in, paid_out = outside_flows(tick.transactions)
    return Mark(tick.session, tick.mark.equity, paid_in, paid_out)


def together(marks: Iterable[Mark]) -> Mark:
    """Return the mark of several accounts as one portfolio; all are of one session."""
    found = tuple(marks)
    if len({(mark.session, mark.closing) for mark in found}) != 1:
        raise InvalidRequest("marks are added up within one session, all closing or none")
    return Mark(
        session=found[0].session,
        equity=sum((mark.equity for mark in found), start=ZERO),
        paid_in=sum((mark.paid_in for mark in found), start=ZERO),
        paid_out=sum((mark.paid_out for mark in found), start=ZERO),
        closing=found[0].closing,
    )
