"""Keep to a vendor's limits, and ask again where asking again may help.

This is the only layer that retries. All processes of one home folder share a vendor's limits
through a small file: whoever wants to ask reserves a moment in it first and waits for that moment.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar

from interfaces.clock import WallClock
from interfaces.providers import Quota
from schemas.errors import AlphaShieldError, Unavailable

RETRYABLE = frozenset({429, 500, 502, 503, 504})
"""HTTP statuses after which the same question may be answered."""
_MINUTE, _DAY = 60.0, 86_400.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 20.0
_TRIPS_AT, _REST = 3, 60.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a vendor allows, and our own patience. None: no such limit.

    A day is any 24 hours. `attempts` counts every request of one call, the first one too; the
    deadline covers them all with the waiting in between.
    """

    per_minute: int | None = None
    per_day: int | None = None
    attempts: int = 3
    deadline_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Time, waiting (in seconds) and chance (uniform in [0, 1)) as arguments."""

    clock: WallClock
    sleep: Callable[[float], None]
    random: Callable[[], float]


class TryAgain(Exception):
    """One attempt failed in a way that may pass.

    `said` is a clause without any secret, e.g. "answers 503". `after` is what the vendor's
    `Retry-After` asks for, in seconds. When it does not pass, `at_last` is raised.
    """

    def __init__(
        self,
        said: str,
        *,
        after: float | None = None,
        at_last: type[AlphaShieldError] = Unavailable,
    ) -> None:
        super().__init__(said)
        self.said = said
        self.after = after
        self.at_last = at_last


class Pace:
    """One vendor's limits and retries; `state` is the file that processes share."""

    def __init__(self, vendor: str, limits: Limits, *, state: Path, timing: Timing) -> None:
        self.vendor = vendor
        self.timing = timing
        self._limits = limits
        self._book = _Book(state, vendor)

    def call(self, ask: Callable[[float], T]) -> T:
        """Return what `ask` returns; it is given the seconds left for it.

        It raises `TryAgain` when another attempt may help; anything else it raises ends the call.
        `Unavailable` when the limit, the deadline or the attempts are used up, and at once while
        the vendor rests after three calls in a row that came to nothing.
        """
        ends = self.timing.clock.monotonic() + self._limits.deadline_seconds
        last = TryAgain("was not asked in time")
        for attempt in range(1, self._limits.attempts + 1):
            self._wait_turn(ends, last if attempt > 1 else None)
            try:
                answer = ask(max(ends - self.timing.clock.monotonic(), 0.0))
            except TryAgain as failure:
                last = failure
                self._book.failed(self._now(), failure.after)
            except AlphaShieldError:
                self._book.succeeded()  # a refusal is an answer as well
                raise
            else:
                self._book.succeeded()
                return answer
            if attempt < self._limits.attempts:
                self._pause(attempt, ends, last)
        self._book.gave_up(self._now())
        attempts = self._limits.attempts
        times = f"asked {attempts} times" if attempts > 1 else "asked once"
        raise last.at_last(f"{self.vendor} {last.said} ({times})")

    def quota(self) -> Quota:
        """Tell the limits and what is left of today's, without asking the vendor."""
        left = None
        if self._limits.per_day is not None:
            now = self._now()
            used = sum(1 for stamp in self._book.stamps() if stamp > now - _DAY)
            left = max(self._limits.per_day - used, 0)
        return Quota(self._limits.per_minute, self._limits.per_day, left)

    def _now(self) -> float:
        return self.timing.clock.now().timestamp()

    def _wait_turn(self, ends: float, last: TryAgain | None) -> None:
        """Reserve the next free moment and wait for it; raises when it lies past the deadline."""
        now = self._now()
        patience = ends - self.timing.clock.monotonic()
        wait = self._book.reserve(now, self._limits, patience)
        if wait is not None:
            if wait > 0:
                self.timing.sleep(wait)
            return
        if last is not None:
            raise last.at_last(f"{self.vendor} {last.said}, and may not be asked again in time")
        free = datetime.fromtimestamp(self._book.next_free(now, self._limits), UTC)
        raise Unavailable(
            f"{self.vendor} may not be asked before {free:%Y-%m-%d %H:%M:%S} UTC: "
            f"{self._book.why(now, self._limits)}"
        )

    def _pause(self, attempt: int, ends: float, last: TryAgain) -> None:
        """Back off with full jitter; what `Retry-After` asks for is in the book already."""
        most = min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE)
        pause = self.timing.random() * most
        if pause >= ends - self.timing.clock.monotonic():
            self._book.gave_up(self._now())
            raise last.at_last(f"{self.vendor} {last.said}, and its deadline has passed")
        self.timing.sleep(pause)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Read a `Retry-After` header, seconds or an HTTP date; None where it says neither."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)


@dataclass(slots=True)
class _Page:
    """What is shared: when was asked in the last day, and until when nobody may ask."""

    stamps: list[float] = field(default_factory=list[float])
    not_before: float = 0.0
    rests_until: float = 0.0
    failures: int = 0


class _Book:
    """The shared page, read and written under a file lock. All moments are POSIX seconds."""

    def __init__(self, path: Path, vendor: str) -> None:
        self._path = path
        self._vendor = vendor

    def reserve(self, now: float, limits: Limits, patience: float) -> float | None:
        """Take the next free moment and return the seconds until it, or None if that is too far."""
        with self._open() as page:
            _forgive_skew(page, now, limits)
            page.stamps = [stamp for stamp in page.stamps if stamp > now - _DAY]
            moment = _free(page, now, limits)
            # While it rests, nobody waits for it: the caller has others to ask.
            if page.rests_until > now or moment - now > max(patience, 0.0):
                return None
            page.stamps.append(moment)
            return moment - now

    def next_free(self, now: float, limits: Limits) -> float:
        """Return when the vendor may be asked next."""
        with self._open() as page:
            return max(_free(page, now, limits), page.rests_until)

    def why(self, now: float, limits: Limits) -> str:
        """Say in a clause why it may not be asked now."""
        with self._open() as page:
            if page.rests_until > now:
                return f"it did not answer {page.failures} calls in a row"
            if page.not_before > now:
                return "it asked to be left alone until then"
            today = sum(1 for stamp in page.stamps if stamp > now - _DAY)
            if limits.per_day is not None and today >= limits.per_day:
                return f"its limit of {limits.per_day} requests in 24 hours is used up"
            return f"its limit of {limits.per_minute} requests a minute is used up"

    def stamps(self) -> list[float]:
        """Return the moments of the last requests."""
        with self._open() as page:
            return list(page.stamps)

    def failed(self, now: float, after: float | None) -> None:
        """Note until when the vendor wants to be left alone."""
        if after is not None:
            with self._open() as page:
                page.not_before = max(page.not_before, now + min(after, _DAY))

    def succeeded(self) -> None:
        """Forget failures."""
        with self._open() as page:
            page.failures = 0

    def gave_up(self, now: float) -> None:
        """Count a call that came to nothing; the third in a row gives the vendor a rest."""
        with self._open() as page:
            page.failures += 1
            if page.failures >= _TRIPS_AT:
                page.rests_until = now + _REST

    @contextmanager
    def _open(self) -> Generator[_Page]:
        refusal = ""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                before = self._read()
                page = _page(before)
                yield page
                after = json.dumps(
                    {
                        "stamps": page.stamps,
                        "not_before": page.not_before,
                        "rests_until": page.rests_until,
                        "failures": page.failures,
                    }
                )
                if after != before:
                    draft = self._path.with_suffix(".draft")
                    draft.write_text(after, encoding="utf-8")
                    draft.replace(self._path)
        except OSError as error:
            refusal = error.strerror or "the disk refuses"
        if refusal:
            # Unrecorded requests would break the vendor's limit in secret.
            raise Unavailable(f"what {self._vendor} was asked cannot be written down: {refusal}")

    def _read(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return ""


def _page(text: str) -> _Page:
    """Read a page; one that is missing or broken is an empty one."""
    try:
        read = json.loads(text)
        return _Page(
            [float(stamp) for stamp in read["stamps"]],
            float(read["not_before"]),
            float(read["rests_until"]),
            int(read["failures"]),
        )
    except (ValueError, TypeError, KeyError):
        return _Page()


def _free(page: _Page, now: float, limits: Limits) -> float:
    """Return the first moment from `now` on that keeps within both limits.

    A bucket of N tokens each of which comes back a full window after it was taken: in no window,
    wherever it begins, are there more than N requests.
    """
    moment = max(now, page.not_before)
    for most, window in ((limits.per_minute, _MINUTE), (limits.per_day, _DAY)):
        if most is not None and len(page.stamps) >= most:
            moment = max(moment, sorted(page.stamps)[-most] + window)
    return moment


def _forgive_skew(page: _Page, now: float, limits: Limits) -> None:
    """Move what a clock that was set back has left in the future to the present."""
    farthest = now + limits.deadline_seconds
    page.stamps = [now if stamp > farthest else stamp for stamp in page.stamps]
    page.not_before = min(page.not_before, now + _DAY)
    page.rests_until = min(page.rests_until, now + _REST)
