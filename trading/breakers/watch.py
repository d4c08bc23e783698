"""The breakers of one account: fed its marks, it says what tripped and what is still allowed.

A breaker is named like its limit and trips where the limit is reached (losses, drawdowns, losing
sessions) or passed (the cumulative sum). A stop for the day lasts one session: the rest of the one
it was seen in or, seen at the close as in a simulation, the next one. Pauses, halts and retirements
last until a named person releases them: the releases are among the limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple, get_args

from schemas.base import ZERO
from schemas.errors import InvalidRequest
from schemas.risk import BreakerAction, BreakerEvent, BreakerLimits, BreakerRelease, Halt
from trading.breakers.cusum import Cusum
from trading.breakers.marks import Mark

Allowed = Literal["all", "reduce_only", "nothing"]
"""Any order; only one that makes a position smaller; none."""
Scope = Literal["strategy", "portfolio", "account"]
"""What the marks are of: one strategy, several added up, or an account that is all there is."""

_HARDNESS: dict[str, int] = {action: n for n, action in enumerate(get_args(BreakerAction))}
_PASSING: frozenset[BreakerAction] = frozenset({"review", "stop_day"})
_TO_A_PEAK = frozenset({"drawdown_review", "drawdown_retire"})
_NONE: frozenset[str] = frozenset()
_NO_SUM = Cusum()


@dataclass(frozen=True, slots=True)
class Watch:
    """The state of an account's breakers after a mark; feeding it returns another one."""

    limits: BreakerLimits
    scope: Scope = "account"
    latched: tuple[BreakerEvent, ...] = ()
    """What stays until it is released, in the order it tripped."""
    session: date | None = None
    over: date | None = None
    """The last session that was closed: releases up to it have been applied."""
    closed: bool = True
    """Whether the session of the last mark is over."""
    equity: Decimal = ZERO
    """At the last close."""
    peak: Decimal = ZERO
    """The highest close so far, in the last close's money: what goes in or out moves it along."""
    losing: int = 0
    """Losing sessions in a row."""
    cusum: Cusum = _NO_SUM
    told: frozenset[str] = _NONE
    """What tripped since the peak (drawdowns), or in the session (losses): it is told once."""
    stop: date | Literal["next"] | None = None
    """The session that is stopped: the one a mark was taken in, or whichever follows."""

    def fed(self, mark: Mark) -> tuple[Watch, tuple[BreakerEvent, ...]]:
        """Take up a mark; return the watch after it and what tripped at it, the softest first.

        A closing mark is followed by the releases that are due after its session.
        `InvalidRequest` for a mark of a session that is over.
        """
        last = self.session
        if last is not None and (mark.session < last or (mark.session == last and self.closed)):
            raise InvalidRequest(f"a mark of {mark.session} comes after one of {last}")
        today = _Day.of(self, mark)
        told = self.told if mark.session == last else self.told & _TO_A_PEAK
        anew = today.end >= today.peak or self.equity <= 0
        now = replace(
            self,
            session=mark.session,
            closed=mark.closing,
            told=told - _TO_A_PEAK if anew else told,
            stop=self._stop_at(mark),
        )
        if mark.closing:
            now = replace(_closed(now, mark, today), over=mark.session)
        after, events = _tripped(now, today)
        if mark.closing:
            for release in self.limits.releases:
                if release.session <= mark.session and not self._is_over(release.session):
                    after = after.released(release)
        return after, events

    def allowed(self, session: date | None = None, *, halt: Halt | None = None) -> Allowed:
        """Say what an order may do now or, before any mark of it, in a later session.

        A kill switch that is pulled allows nothing, whatever the mode.
        """
        if halt is not None:
            return "nothing"
        if self.limits.mode == "record":
            return "all"
        return "reduce_only" if self.latched or self._is_stopped(session) else "all"

    def released(self, release: BreakerRelease) -> Watch:
        """Return the watch after a person's release; of what has not tripped it does nothing.

        What tripped is measured from now on: streak and sum from nought, the drawdown from the
        last close.
        """
        gone = {each.breaker for each in self.latched if release.breaker in (None, each.breaker)}
        if not gone:
            return self
        anew = "drawdown_retire" in gone
        return replace(
            self,
            latched=tuple(each for each in self.latched if each.breaker not in gone),
            losing=0 if "losing_days" in gone else self.losing,
            cusum=self.cusum.restarted() if "cusum" in gone else self.cusum,
            peak=self.equity if anew else self.peak,
            told=self.told - _TO_A_PEAK if anew else self.told,
        )

    def _stop_at(self, mark: Mark) -> date | None:
        """Return what is left at a mark of a stop that was told before; a close ends it."""
        stopped = not mark.closing and self.stop in ("next", mark.session)
        return mark.session if stopped else None

    def _is_over(self, session: date) -> bool:
        return self.over is not None and session <= self.over

    def _is_stopped(self, session: date | None) -> bool:
        if self.stop is None:
            return False
        return self.stop == "next" or session is None or session <= self.stop


def watch_of(limits: BreakerLimits, marks: Iterable[Mark], *, scope: Scope = "account") -> Watch:
    """Rebuild a watch from all marks of an account so far; releases are among the limits."""
    watch = Watch(limits, scope)
    for mark in marks:
        watch, _ = watch.fed(mark)
    return watch


@dataclass(frozen=True, slots=True)
class _Day:
    """A session up to a mark: what there was to lose, what is left, and the peak before it."""

    base: Decimal
    end: Decimal
    peak: Decimal

    @classmethod
    def of(cls, watch: Watch, mark: Mark) -> _Day:
        base = watch.equity + mark.paid_in
        peak = watch.peak
        if mark.paid_in or watch.equity <= 0:
            peak = peak * base / watch.equity if watch.equity > 0 else base
        return cls(base, mark.equity + mark.paid_out, peak)

    @property
    def loss(self) -> Decimal:
        return self.base - self.end


def _closed(watch: Watch, mark: Mark, today: _Day) -> Watch:
    """Take up what only a whole session tells: the new peak, the streak, the sum."""
    peak = max(today.peak, today.end)
    if mark.paid_out:
        peak = peak * mark.equity / today.end if today.end > 0 else mark.equity
    if today.base <= 0:  # nothing was there to gain or lose with
        return replace(watch, equity=mark.equity, peak=peak, losing=0)
    limits = watch.limits
    cusum = watch.cusum
    if limits.cusum is not None and watch.scope != "portfolio":
        gain = float(-today.loss / today.base)
        cusum = cusum.after(gain, window=limits.cusum_window, slack=limits.cusum_slack)
    losing = watch.losing + 1 if today.loss > 0 else 0
    return replace(watch, equity=mark.equity, peak=peak, losing=losing, cusum=cusum)


class _Reached(NamedTuple):
    """A breaker whose limit is reached: an event, if it was not told before."""

    breaker: str
    action: BreakerAction
    value: float
    limit: float
    message: str


def _tripped(watch: Watch, today: _Day) -> tuple[Watch, tuple[BreakerEvent, ...]]:
    if today.base <= 0:
        return watch, ()
    held = {each.breaker for each in watch.latched} | watch.told
    reached = [each for each in _reached(watch, today) if each.breaker not in held]
    if not reached:
        return watch, ()
    reached.sort(key=lambda each: _HARDNESS[each.action])
    enforced = watch.limits.mode == "enforce"
    events = tuple(BreakerEvent(**each._asdict(), enforced=enforced) for each in reached)
    names = {event.breaker for event in events}
    latched = (*watch.latched, *(each for each in events if each.action not in _PASSING))
    after = replace(
        watch,
        latched=latched if enforced else watch.latched,
        cusum=watch.cusum.restarted() if "cusum" in names else watch.cusum,
        told=watch.told | names,
        stop=("next" if watch.closed else watch.session)
        if "day_loss_stop" in names
        else watch.stop,
    )
    return after, events


def _reached(watch: Watch, today: _Day) -> Iterator[_Reached]:
    """Yield every breaker whose limit is reached, whether it was told before or not."""
    if today.loss > 0:
        yield from _day_losses(watch, today)
    if watch.scope == "portfolio":
        return
    if today.end < today.peak:
        yield from _drawdowns(watch, today)
    if watch.closed:
        yield from _sessions(watch)


def _day_losses(watch: Watch, today: _Day) -> Iterator[_Reached]:
    limits = watch.limits
    own: tuple[tuple[str, BreakerAction, Decimal | None, str], ...] = (
        ("day_loss_stop", "stop_day", limits.day_loss_stop, "trading stops for a day"),
        ("day_loss_halt", "halt", limits.day_loss_halt, "the strategy is halted"),
    )
    whole: tuple[tuple[str, BreakerAction, Decimal | None, str], ...] = (
        ("portfolio_day_loss_halt", "halt_all", limits.portfolio_day_loss_halt, "all is halted"),
    )
    rows = {"strategy": own, "portfolio": whole, "account": own + whole}[watch.scope]
    for name, action, limit, then in rows:
        if limit is not None and today.loss >= limit * today.base:
            share = today.loss / today.base
            says = f"the session lost {share:.2%} of the equity; from {limit:.2%} on {then}"
            yield _Reached(name, action, float(share), float(limit), says)


def _drawdowns(watch: Watch, today: _Day) -> Iterator[_Reached]:
    limits = watch.limits
    rows: tuple[tuple[str, BreakerAction, Decimal | None, str], ...] = (
        ("drawdown_review", "review", limits.drawdown_review, "reviewed"),
        ("drawdown_retire", "retire", limits.drawdown_retire, "retired"),
    )
    for name, action, limit, then in rows:
        if limit is not None and today.peak - today.end >= limit * today.peak:
            share = (today.peak - today.end) / today.peak
            says = (
                f"the equity is {share:.2%} below its highest close; from {limit:.2%} on the "
                f"strategy is {then}"
            )
            yield _Reached(name, action, float(share), float(limit), says)


def _sessions(watch: Watch) -> Iterator[_Reached]:
    limits = watch.limits
    if limits.losing_days is not None and watch.losing == limits.losing_days:
        says = f"{watch.losing} sessions in a row lost money: the strategy pauses for a review"
        yield _Reached("losing_days", "pause", watch.losing, limits.losing_days, says)
    if limits.cusum is not None and watch.cusum.total > limits.cusum:
        says = (
            f"the cumulative sum of poor returns is {watch.cusum.total:.2f} deviations; above "
            f"{limits.cusum:g} the strategy pauses to be investigated"
        )
        yield _Reached("cusum", "pause", watch.cusum.total, limits.cusum, says)
