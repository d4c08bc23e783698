"""Which text answers a query best: BM25 (Robertson and Zaragoza 2009) over words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

_WORD = re.compile(r"\w+")
_K1 = 1.2
_B = 0.75


@dataclass(frozen=True, slots=True)
class Passage:
    """How often each word occurs, and how many words there are."""

    counts: Counter[str]
    length: int

    @classmethod
    def of(cls, text: str) -> Passage:
        """Count the words of a text."""
        counts = Counter(_WORD.findall(text.casefold()))
        return cls(counts, counts.total())


def words(query: str) -> tuple[str, ...]:
    """Return the query's words, each once, in order."""
    return tuple(dict.fromkeys(_WORD.findall(query.casefold())))


def bm25(asked: Sequence[str], passages: Sequence[Passage]) -> list[float]:
    """Return each passage's score; 0 where none of the words occurs."""
    total = len(passages)
    mean = sum(passage.length for passage in passages) / total if total else 1.0
    weight = {
        word: log(1 + (total - having + 0.5) / (having + 0.5))
        for word in asked
        for having in [sum(word in passage.counts for passage in passages)]
    }
    return [
        sum(
            weight[word]
            * passage.counts[word]
            * (_K1 + 1)
            / (passage.counts[word] + _K1 * (1 - _B + _B * passage.length / (mean or 1.0)))
            for word in asked
        )
        for passage in passages
    ]


def best_passage(text: str, asked: Sequence[str], width: int) -> str:
    """Return the stretch of at most `width` characters with the most of the words in it."""
    flat = " ".join(text.split())
    if len(flat) <= width:
        return flat
    lower = flat.lower()

    def hits(start: int) -> int:
        return sum(word in lower[start : start + width] for word in asked)

    starts = [0, *(max(0, lower.find(word) - width // 4) for word in asked if word in lower)]
    best = max(starts, key=hits)
    return flat[best : best + width].strip()
