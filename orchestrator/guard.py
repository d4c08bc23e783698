"""What stands over a run's account beside its limits: circuit breakers and the kill switch."""

from __future__ import annotations

from orchestrator.halts import HaltWatch
from schemas.risk import RiskLimits
from schemas.tick import Tick
from trading.breakers.marks import Mark, mark_of
from trading.breakers.watch import Watch
from trading.gate import EquityHistory, equity_history


class RunGuard:
    """The guard of one run; what it knows is rebuilt from the run's ticks."""

    def __init__(self, limits: RiskLimits, halts: HaltWatch) -> None:
        self.halts = halts
        self._watch = Watch(limits.breakers)
        self._marks: list[Mark] = []

    def watch(self) -> Watch:
        """Return the state of the circuit breakers after the last committed session."""
        return self._watch

    def equity(self) -> EquityHistory:
        """Return what losses and drawdowns are measured from."""
        return equity_history(self._marks)

    def restore(self, tick: Tick) -> None:
        """Take up a committed session."""
        self.judge(tick)

    def judge(self, tick: Tick) -> Tick:
        """Feed a session's mark to the breakers; return the tick with what tripped at it."""
        mark = mark_of(tick)
        self._marks.append(mark)
        self._watch, events = self._watch.fed(mark)
        return tick.model_copy(update={"breakers": events}) if events else tick
