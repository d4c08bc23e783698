"""A folder of documents, most of which may never be shown: for canaries only."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from interfaces.canaries import LATER_WORD, PAST_WORD, Future
from schemas.errors import Unavailable

_KINDS = ("news", "document")


class PoisonedFolder:
    """Writes documents known before a moment, and beside them what may not be shown at it."""

    def __init__(self, folder: Path, as_of: datetime, symbol: str) -> None:
        self._folder = folder
        self._later = folder / "later.json"
        before = as_of - timedelta(days=1)
        self._past = [_entry(kind, before.isoformat(), symbol, PAST_WORD) for kind in _KINDS]
        dates = (
            None,
            "3 days ago",
            "yesterday",
            before.date().isoformat(),  # a day without an hour may be later than the moment
            before.replace(tzinfo=None).isoformat(),
            as_of.isoformat(),
            (as_of + timedelta(microseconds=1)).isoformat(),
            (as_of + timedelta(days=1)).isoformat(),
        )
        self._poison = [
            _entry(kind, dated, symbol, LATER_WORD) for kind in _KINDS for dated in dates
        ]

    def lay(self, future: Future) -> None:
        """Write the folder with that future; `Unavailable` when it cannot be written."""
        try:
            (self._folder / "past.json").write_text(json.dumps(self._past), encoding="utf-8")
            if future == "harmless":
                self._later.unlink(missing_ok=True)
                (self._folder / "undated.md").unlink(missing_ok=True)
                return
            self._later.write_text(json.dumps(self._poison), encoding="utf-8")
            (self._folder / "undated.md").write_text(
                f"---\ntitle: merger {LATER_WORD}\n---\n\nmerger {LATER_WORD}\n", encoding="utf-8"
            )
        except OSError as error:
            raise Unavailable("the canaries' documents cannot be written to the disk") from error


def _entry(kind: str, dated: str | None, symbol: str, word: str) -> dict[str, object]:
    entry: dict[str, object] = {
        "kind": kind,
        "title": f"A merger {word}",
        "symbols": [symbol],
        "text": f"The merger of {symbol} was announced. {word}",
    }
    return entry if dated is None else {**entry, "date": dated}
