"""Which words stand in which texts, and how often: an inverted index in flat arrays."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BATCH = 2_000
_END = "\0"  # no word has it: in texts it stands for a blank
_TOKEN = re.compile(rf"\w+|{_END}")

Rows = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Postings:
    """The rows of each word, ascending, with counts; and how many words each row has.

    `rows` and `counts` have shape (P,): those of word w lie at `starts[w]:starts[w + 1]`.
    """

    vocabulary: dict[str, int]
    starts: NDArray[np.int64]
    rows: Rows
    counts: Rows
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, size: int, text: Callable[[int], str]) -> Postings:
        """Count the words of `size` texts, of which `text` gives one."""
        vocabulary: defaultdict[str, int] = defaultdict()
        vocabulary.default_factory = vocabulary.__len__
        vocabulary[_END] = 0
        batches: list[tuple[Rows, Rows, Rows]] = []
        lengths = np.zeros(size, dtype=np.int64)
        for first in range(0, size, _BATCH):
            span = range(first, min(first + _BATCH, size))
            batches.append(_count(map(text, span), span, vocabulary, lengths))
        vocabulary.default_factory = None
        return cls(dict(vocabulary), *_gathered(batches, len(vocabulary)), lengths)

    def of_word(self, word: str) -> tuple[Rows, Rows]:
        """Return the rows of a word, ascending, and how often it stands in each."""
        code = self.vocabulary.get(word)
        if code is None:
            return self.rows[:0], self.counts[:0]
        span = slice(int(self.starts[code]), int(self.starts[code + 1]))
        return self.rows[span], self.counts[span]


def _count(
    texts: Iterable[str],
    span: range,
    vocabulary: defaultdict[str, int],
    lengths: NDArray[np.int64],
) -> tuple[Rows, Rows, Rows]:
    """Return (word, row, count), by word and row, and write down how long each text is."""
    joined = "".join(text.replace(_END, " ") + _END for text in texts).casefold()
    codes = np.fromiter(map(vocabulary.__getitem__, _TOKEN.findall(joined)), dtype=np.int64)
    ends = codes == 0
    owner = np.cumsum(ends)[~ends]
    codes = codes[~ends]
    lengths[span.start : span.stop] = np.bincount(owner, minlength=len(span))
    keys, counts = np.unique(codes * len(span) + owner, return_counts=True)
    words, rows = np.divmod(keys, max(1, len(span)))
    return (
        words.astype(np.int32),
        (rows + span.start).astype(np.int32),
        counts.astype(np.int32),
    )


def _gathered(
    batches: list[tuple[Rows, Rows, Rows]], words: int
) -> tuple[NDArray[np.int64], Rows, Rows]:
    """Lay batch after batch behind each word's earlier rows; gives the batches up as it goes."""
    sizes = np.zeros(words, dtype=np.int64)
    for batch in batches:
        sizes += np.bincount(batch[0], minlength=words)
    starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
    rows, counts = (np.empty(int(starts[-1]), dtype=np.int32) for _ in range(2))
    free = starts[:-1].copy()
    batches.reverse()
    while batches:
        word, row, count = batches.pop()
        here = np.bincount(word, minlength=words)
        offsets = np.arange(len(word)) - (np.cumsum(here) - here)[word]
        places = free[word] + offsets
        rows[places], counts[places] = row, count
        free += here
    return starts, rows, counts
