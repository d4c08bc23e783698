"""What was found wrong with prices, and which sessions there are prices for."""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.base import Instant, Message, Sha256, Symbol
from schemas.market import DatasetInfo

Check = Literal[
    "no_session",
    "non_finite",
    "non_positive",
    "negative_volume",
    "swapped_high_low",
    "ohlc",
    "duplicate_bar",
    "decimal_point",
    "bad_print",
    "open_spike",
    "range_spike",
    "outlier_move",
    "suspected_split",
    "stale",
    "zero_volume",
    "volume_units",
    "missing",
    "disagreement",
]
Severity = Literal["reject", "warn"]
"""`reject`: the bar is quarantined and no run sees it. `warn`: it is kept and reported."""


class Finding(Message):
    """One thing found wrong; `session` is the first of `sessions` in a row."""

    symbol: Symbol = Field(description="the instrument")
    session: date
    check: Check
    severity: Severity
    detail: str
    sessions: int = Field(default=1, ge=1, description="how many in a row it is about")


class CheckCount(Message):
    """How many bars one check marked."""

    check: Check
    bars: int = Field(ge=1)


class InstrumentQuality(Message):
    """What the checks say of one instrument."""

    symbol: Symbol
    first: date | None = Field(description="session of its first bar; None without any")
    last: date | None
    bars: int = Field(ge=0, description="that were looked at, the rejected ones included")
    missing: int = Field(ge=0, description="sessions from first to last without a bar")
    rejected: int = Field(ge=0, description="bars that were quarantined")
    warned: int = Field(ge=0, description="bars that were kept and have a warning")
    rejections: tuple[CheckCount, ...] = Field(default=(), description="by check, commonest first")
    warnings: tuple[CheckCount, ...] = Field(default=(), description="by check, commonest first")


class InstrumentCoverage(Message):
    """One instrument's quality, and its sound bars in every month of the report."""

    quality: InstrumentQuality
    bars: tuple[int, ...] = Field(description="sound bars by month")
    missing: tuple[int, ...] = Field(
        description="sessions by month, from its first bar to its last, without a sound one"
    )


class CoverageReport(Message):
    """Which sessions of a data set have sound bars, month by month."""

    dataset: DatasetInfo
    months: tuple[str, ...] = Field(description="YYYY-MM, oldest first, without gaps")
    sessions: tuple[int, ...] = Field(
        description="the exchange's sessions by month, from the data's first session to its last"
    )
    instruments: tuple[InstrumentCoverage, ...] = Field(description="by symbol")

    @model_validator(mode="after")
    def _rectangular(self) -> Self:
        rows = [
            self.sessions,
            *(row for one in self.instruments for row in (one.bars, one.missing)),
        ]
        if any(len(row) != len(self.months) for row in rows):
            raise ValueError("there must be one value a month")
        return self


class DataCheck(Message):
    """What the last check of a whole data set came to; kept beside it."""

    data: str
    checked_at: Instant
    whole: bool = Field(description="every file has the checksum that vouches for it")
    problem: str | None = Field(default=None, description="what is broken, where it is not whole")
    data_hash: Sha256 | None = Field(default=None, description="of what was checked")
    bars: int = Field(default=0, ge=0)
    rejected: int = Field(default=0, ge=0, description="bars that cannot be true")
    warned: int = Field(default=0, ge=0, description="bars with a warning")
    missing: int = Field(default=0, ge=0, description="sessions without a bar")
