"""Many stretches of one length, reduced at once: the rows of a matrix, or windows along a series.

A reduction takes terms a period and answers one number a stretch, (R,). `Windows` answers what
`Rows` would on the matrix of all windows, without building it: sums run over a view, and what
depends on order is put together from the two blocks of window length that a window touches (van
Herk, 1992; Gil & Werman, 1993).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from quant.arrays import Floats

_BLOCK = 32_768  # a quarter of a megabyte of float64, which a core's cache holds


@dataclass(frozen=True, slots=True)
class Tails:
    """Order statistics of each stretch, all (R,)."""

    quantiles: dict[float, Floats]
    lower_means: dict[float, Floats]


class Rows:
    """Stretches that are the R rows of matrices (R, T)."""

    def view(self, terms: np.ndarray) -> np.ndarray:
        """Return the terms as (R, T), not to be written to."""
        return terms

    def mean(self, terms: np.ndarray) -> Floats:
        """Return the mean of each stretch; the share of True for booleans."""
        return self.view(terms).mean(axis=1)

    def total(self, terms: Floats) -> Floats:
        """Return the sum of each stretch."""
        return self.view(terms).sum(axis=1)

    def lowest(self, terms: Floats) -> Floats:
        """Return the smallest term of each stretch."""
        return self.view(terms).min(axis=1)

    def highest(self, terms: Floats) -> Floats:
        """Return the largest term of each stretch."""
        return self.view(terms).max(axis=1)

    def product(self, terms: Floats) -> Floats:
        """Return the product of each stretch."""
        return self.view(terms).prod(axis=1)

    def ends(self, levels: Floats) -> tuple[Floats, Floats]:
        """Return the first and the last level of each stretch."""
        view = self.view(levels)
        return view[:, 0], view[:, -1]

    def central_moments(self, terms: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the second, third and fourth central moments of the population."""
        view, mean = self.view(terms), self.mean(terms)
        second, third, fourth = (np.empty(len(view)) for _ in range(3))
        for rows in _blocks(view):
            centred = view[rows] - mean[rows, None]
            squares = centred * centred
            second[rows] = np.einsum("ij->i", squares)
            third[rows] = np.einsum("ij,ij->i", squares, centred)
            fourth[rows] = np.einsum("ij,ij->i", squares, squares)
        count = view.shape[1]
        return second / count, third / count, fourth / count

    def covariance(self, one: Floats, other: Floats) -> Floats:
        """Return the population covariance of two kinds of terms."""
        first, second = self.view(one), self.view(other)
        mean = self.mean(one)
        found = np.empty(len(first))
        for rows in _blocks(first):
            centred = first[rows] - mean[rows, None]
            found[rows] = np.einsum("ij,ij->i", centred, second[rows])
        return found / first.shape[1]

    def variance(self, terms: Floats) -> Floats:
        """Return the population variance."""
        view, mean = self.view(terms), self.mean(terms)
        found = np.empty(len(view))
        for rows in _blocks(view):
            centred = view[rows] - mean[rows, None]
            found[rows] = np.einsum("ij,ij->i", centred, centred)
        return found / view.shape[1]

    def tails(self, terms: Floats, shares: tuple[float, ...]) -> Tails:
        """Return linearly interpolated quantiles, and the means of what lies below them.

        The mean at share q is of the int((T-1)q)+1 smallest terms, as empyrical takes it.
        """
        view = self.view(terms)
        last = view.shape[1] - 1
        quantiles = {share: np.empty(len(view)) for share in shares}
        means = {share: np.empty(len(view)) for share in shares}
        for rows in _blocks(view):
            ordered = np.sort(view[rows], axis=1)
            for share in shares:
                low = int(last * share)
                step = ordered[:, min(low + 1, last)] - ordered[:, low]
                quantiles[share][rows] = ordered[:, low] + step * (last * share - low)
                means[share][rows] = ordered[:, : low + 1].mean(axis=1)
        return Tails(quantiles, means)

    def deepest_fall(self, levels: Floats) -> Floats:
        """Return the lowest level over an earlier one in each stretch, less one."""
        return (levels / np.maximum.accumulate(levels, axis=1)).min(axis=1) - 1.0

    def longest_run(self, inside: np.ndarray) -> Floats:
        """Return the most True in a row in each stretch."""
        return _run_lengths(inside).max(axis=1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Windows(Rows):
    """All R windows along a series (N,) of terms; what has R+w-1 elements has windows of w."""

    count: int

    def view(self, terms: np.ndarray) -> np.ndarray:
        """Return the terms as (R, w), not to be written to."""
        return sliding_window_view(terms, len(terms) - self.count + 1)

    def product(self, terms: Floats) -> Floats:
        """Multiply down the transposed view, whose inner loop is long."""
        return sliding_window_view(terms, self.count).prod(axis=0)

    def deepest_fall(self, levels: Floats) -> Floats:
        """Take the worst of the falls within either block and from one into the other."""
        blocks, halves = self._halves(levels, fill=float(levels[-1]))
        later = _backward(np.minimum, blocks)
        highest = np.maximum.accumulate(blocks, axis=1)
        return (
            np.minimum.reduce(
                [
                    halves.suffix(_backward(np.minimum, later / blocks)),
                    halves.prefix(np.minimum.accumulate(blocks / highest, axis=1), np.inf),
                    halves.prefix(np.minimum.accumulate(blocks, axis=1), np.inf)
                    / halves.suffix(_backward(np.maximum, blocks)),
                ]
            )
            - 1.0
        )

    def longest_run(self, inside: np.ndarray) -> Floats:
        """Take the longest of the runs within either block and across their border."""
        blocks, halves = self._halves(inside, fill=False)
        behind = _run_lengths(blocks)
        ahead = _run_lengths(blocks[:, ::-1])[:, ::-1]
        place = np.arange(blocks.shape[1])
        trailing = np.minimum(behind[:, -1:], blocks.shape[1] - place)
        leading = np.minimum(ahead[:, :1], place + 1)
        return np.maximum.reduce(
            [
                halves.suffix(_backward(np.maximum, ahead)),
                halves.prefix(np.maximum.accumulate(behind, axis=1), 0),
                halves.suffix(trailing) + halves.prefix(leading, 0),
            ]
        ).astype(np.float64)

    def _halves(self, terms: np.ndarray, *, fill: float | bool) -> tuple[np.ndarray, _Halves]:
        window = len(terms) - self.count + 1
        padded = np.full((len(terms) // window + 1) * window, fill, dtype=terms.dtype)
        padded[: len(terms)] = terms
        return padded.reshape(-1, window), _Halves(self.count, window)


@dataclass(frozen=True, slots=True)
class _Halves:
    """Picks for each window what its first block says from its start on, and its second before."""

    count: int
    window: int

    def suffix(self, blocks: np.ndarray) -> np.ndarray:
        return blocks.ravel()[: self.count]

    def prefix(self, blocks: np.ndarray, neutral: float) -> np.ndarray:
        """Return the neutral value for a window that is one whole block."""
        shifted = np.empty_like(blocks)
        shifted[:, 0] = neutral
        shifted[:, 1:] = blocks[:, :-1]
        return shifted.ravel()[self.window : self.window + self.count]


def _blocks(view: np.ndarray) -> Iterator[slice]:
    step = max(1, _BLOCK // view.shape[1])
    for start in range(0, len(view), step):
        yield slice(start, start + step)


def _backward(ufunc: np.ufunc, blocks: np.ndarray) -> np.ndarray:
    return ufunc.accumulate(blocks[:, ::-1], axis=1)[:, ::-1]


def _run_lengths(inside: np.ndarray) -> np.ndarray:
    """Return at each place how many True in a row end there."""
    places = np.arange(1, inside.shape[1] + 1)
    return places - np.maximum.accumulate(np.where(inside, 0, places), axis=1)
