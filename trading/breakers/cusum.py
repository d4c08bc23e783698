"""Page's cumulative sum on the low side, on returns in deviations of a window before them.

Source: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954); as a table in
D. C. Montgomery, *Introduction to Statistical Quality Control*, ch. 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, sqrt

LEAST_DEVIATION = 1e-6
"""A reference that moves less than a hundredth of a basis point a session measures nothing."""


@dataclass(frozen=True, slots=True)
class Cusum:
    """The sum so far and the returns that the next one is measured by.

    The reference is the `window` returns before the sum left nought: it goes along while nothing
    is wrong and stands still while something may be, as it would otherwise take up the very change
    it is to show. Sessions in which nothing moved are no observations: an account that has lain
    still has neither a mean nor a deviation.
    """

    recent: tuple[float, ...] = ()
    total: float = 0.0
    mean: float = 0.0
    deviation: float = 0.0

    def after(self, value: float, *, window: int, slack: float) -> Cusum:
        """Take up a session's return; it is measured by returns before it, and by a full window."""
        if value == 0.0:
            return self
        recent = (*self.recent[-(window - 1) :], value)
        if len(self.recent) < window:
            return Cusum(recent)
        mean, deviation = self.mean, self.deviation
        if self.total == 0.0:
            mean = sum(self.recent) / window
            deviation = hypot(*[each - mean for each in self.recent]) / sqrt(window - 1)
        if deviation < LEAST_DEVIATION:
            return Cusum(recent)
        total = low_sum(self.total, (value - mean) / deviation, slack)
        return Cusum(recent, total, mean, deviation)

    def restarted(self) -> Cusum:
        """Return it with the sum at nought, measured by the last returns from now on."""
        return Cusum(self.recent)


def low_sum(before: float, deviations: float, slack: float) -> float:
    """Return the low-side sum after an observation, all in deviations from the mean.

    The high side is the low side of the observations' negatives.
    """
    return max(0.0, before - deviations - slack)
