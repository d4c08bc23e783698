"""Rows that were refused, each with its reason; all are counted, the first 1 000 are kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from schemas.errors import InvalidRequest
from schemas.market import RejectedRow

REPORTED = 1000
_WIDEST = 40


@dataclass(slots=True)
class Quarantine:
    """What an import refused, and what it has to say about the rest."""

    rows: list[RejectedRow] = field(default_factory=list[RejectedRow])
    reasons: Counter[str] = field(default_factory=Counter[str])
    notes: list[str] = field(default_factory=list[str])

    _mark: tuple[int, Counter[str]] = field(default_factory=lambda: (0, Counter[str]()))

    def start_file(self) -> None:
        """Remember where the file begins, for `drop_file`."""
        self._mark = (len(self.rows), self.reasons.copy())

    def drop_file(self) -> None:
        """Forget every row of the file that was started last."""
        shown, self.reasons = self._mark
        del self.rows[shown:]

    @property
    def count(self) -> int:
        """How many rows were refused."""
        return self.reasons.total()

    @property
    def room(self) -> int:
        """How many more rows are shown; further ones are counted only."""
        return REPORTED - len(self.rows)

    def add(self, source: str, line: int, cells: tuple[str, str], reason: str) -> None:
        """Refuse one row; `cells` are its symbol and its session as far as they are known."""
        self.reasons[reason] += 1
        if self.room:
            symbol, session = (_shown(cell) for cell in cells)
            self.rows.append(
                RejectedRow(source=source, line=line, symbol=symbol, session=session, reason=reason)
            )

    def nothing_usable(self, source: str, read: int) -> InvalidRequest:
        """Say that next to no row can be used, and the commonest reason."""
        if not self.reasons:
            return InvalidRequest(f"{source} holds no rows")
        reason, _ = self.reasons.most_common(1)[0]
        return InvalidRequest(
            f"next to nothing of the {read} rows read from {source} can be used; "
            f"most often: {reason}"
        )


def _shown(cell: str) -> str:
    text = "".join(character if character.isprintable() else "?" for character in cell.strip())
    return text[:_WIDEST]
