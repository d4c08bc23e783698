"""Where our books of an account and a broker's differ, and why as far as that can be told."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from schemas.base import Instant, Message

DifferenceSubject = Literal["order", "fill", "position", "cash", "ledger", "account"]

DifferenceCause = Literal[
    "missing_fill",
    "unconfirmed",
    "late_arrival",
    "late_update",
    "unknown_order",
    "manual_trade",
    "split_ratio",
    "dividend_or_fee",
    "rounding",
    "unbooked_fill",
    "contradiction",
]
"""What lies behind a difference:

- `missing_fill`: the broker filled one of our orders and we had not heard of it
- `unconfirmed`: an order of ours whose answer was lost; it is asked about
- `late_arrival`: an order taken for rejected because it was not known, and then it was
- `late_update`: the broker has not told yet what another of its answers told
- `unknown_order`: the broker has an order we never placed
- `manual_trade`: units moved by fills that belong to no order of ours
- `split_ratio`: units are the same but for the ratio of a split
- `dividend_or_fee`: cash alone differs: a dividend, interest or a fee that one side has not booked
- `rounding`: no more than what rounding each amount once may leave
- `unbooked_fill`: a fill that our ledger does not hold yet
- `contradiction`: the broker's own answers do not agree, or it denies what it told before
"""


class Difference(Message):
    """One thing that our books and the broker's tell differently."""

    subject: DifferenceSubject
    key: str = Field(description="the order's or fill's id, the symbol, or the currency")
    cause: DifferenceCause
    explained: bool = Field(description="false: a person has to look at it")
    ours: str | None = Field(description="as our books have it; None: not at all")
    theirs: str | None = Field(description="as the broker tells it; None: not at all")
    what: str = Field(description="one sentence")


class Reconciliation(Message):
    """What a comparison of an account found."""

    account: str
    at: Instant
    session: date | None = Field(description="the session the broker takes orders for")
    orders: int = Field(ge=0, description="orders compared")
    fills: int = Field(ge=0, description="fills compared")
    taken_in: tuple[Difference, ...] = Field(
        default=(), description="found and settled by taking in what the broker told"
    )
    differences: tuple[Difference, ...] = Field(default=(), description="those that are left")

    @property
    def unexplained(self) -> tuple[Difference, ...]:
        """The differences a person has to look at."""
        return tuple(each for each in self.differences if not each.explained)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is left unexplained."""
        return not self.unexplained
