"""Which text answers a query best: BM25 (Robertson and Zaragoza 2009) over words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

K1 = 1.2
B = 0.75
_WORD = re.compile(r"\w+")
_PHRASE = re.compile(r'"([^"]*)"')
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»", '"'))
_WEIGHED = 50  # words of a query that move its excerpts: no answer waits for a wall of words


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for: words, each once, and phrases that must occur as they stand.

    Any text is one: a quote that is never closed is none, and marks are nothing.
    """

    words: tuple[str, ...]
    phrases: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, text: str) -> Query:
        """Read a query; the words of its phrases are asked for as well."""
        plain = text.translate(_QUOTES).casefold()
        phrases = (tuple(_WORD.findall(quoted)) for quoted in _PHRASE.findall(plain))
        return cls(
            tuple(dict.fromkeys(_WORD.findall(plain))), tuple(dict.fromkeys(filter(None, phrases)))
        )

    def fits(self, text: str) -> bool:
        """Tell whether every phrase stands in the text, word for word."""
        folded = text.casefold()
        return all(_pattern(phrase).search(folded) for phrase in self.phrases)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many texts are known, how many words they have, and how many have each asked word."""

    texts: int
    words: int
    having: tuple[int, ...]

    def __add__(self, other: Tally) -> Tally:
        pairs = zip(self.having, other.having, strict=True)
        return Tally(self.texts + other.texts, self.words + other.words, tuple(map(sum, pairs)))

    @property
    def weights(self) -> tuple[float, ...]:
        """The weight of each asked word: the rarer, the more, and always above 0."""
        return tuple(log(1 + (self.texts - one + 0.5) / (one + 0.5)) for one in self.having)

    @property
    def mean(self) -> float:
        """The mean length of a text, in words."""
        return self.words / self.texts if self.words else 1.0


def best_passage(text: str, asked: Sequence[str], width: int) -> str:
    """Return the stretch of at most `width` characters with the most of the words in it."""
    flat = " ".join(text.split())
    if len(flat) <= width:
        return flat
    lower, asked = flat.lower(), asked[:_WEIGHED]

    def hits(start: int) -> int:
        return sum(word in lower[start : start + width] for word in asked)

    starts = [0, *(max(0, lower.find(word) - width // 4) for word in asked if word in lower)]
    best = max(starts, key=hits)
    return flat[best : best + width].strip()


def _pattern(phrase: Sequence[str]) -> re.Pattern[str]:
    words = r"\W+".join(phrase)
    return re.compile(rf"(?<!\w){words}(?!\w)")
