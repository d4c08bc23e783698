"""An embedder without a model: words and their parts, hashed into a fixed number of places.

Feature hashing with signs (Weinberger et al. 2009): texts that share words or parts of words are
near, meaning is not understood. No key, no download, the same on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import sqrt

import numpy as np
from numpy.typing import NDArray

DIMENSION = 256
_WORD = re.compile(r"\w+")
_GRAM = 4
_GRAM_WEIGHT = 0.3  # parts of a word count less than the word: "trade" is near "trading"


class HashingEmbedder:
    """Implement `Embedder` with signed hashes of words and of their 4-letter parts."""

    name = "hashing-256-v1"
    dimension = DIMENSION

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors, shape (len(texts), 256), unit length; no words gives zeros."""
        vectors = np.zeros((len(texts), DIMENSION), dtype=np.float64)
        for row, text in enumerate(texts):
            for feature, weight in _features(text):
                place, sign = _hashed(feature)
                vectors[row, place] += sign * weight
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)


def _features(text: str) -> Iterator[tuple[str, float]]:
    words = _WORD.findall(text.casefold())
    for word in sorted(set(words)):
        # A word said often says a little more, not many times as much.
        often = sqrt(words.count(word))
        yield f"w:{word}", often
        padded = f"<{word}>"
        for start in range(len(padded) - _GRAM + 1):
            yield f"g:{padded[start : start + _GRAM]}", _GRAM_WEIGHT * often


@lru_cache(maxsize=65_536)  # a pure function of its argument, called for every word of every text
def _hashed(feature: str) -> tuple[int, int]:
    digest = int.from_bytes(blake2b(feature.encode(), digest_size=8).digest(), "little")
    return (digest >> 1) % DIMENSION, 1 if digest & 1 else -1
