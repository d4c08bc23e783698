"""What stands over a run's account beside its limits: circuit breakers and the kill switch."""

from __future__ import annotations

from orchestrator.halts import HaltWatch
from schemas.jobs import SimulationRequest
from schemas.tick import Tick
from trading.breakers.marks import mark_of
from trading.breakers.watch import Watch
from trading.gate import EquityFold, EquityHistory, Moment, Rules, breaches, open_book


class RunGuard:
    """The guard of one run; what it knows is rebuilt from the run's ticks."""

    def __init__(self, request: SimulationRequest, halts: HaltWatch) -> None:
        limits = request.limits
        self.halts = halts
        self._rules = Rules(limits, request.execution, frozenset())
        self._checked = any(rule.when == "post_trade" for rule in limits.rules)
        self._watch = Watch(limits.breakers)
        self._equity = EquityFold()

    def watch(self) -> Watch:
        """Return the state of the circuit breakers after the last committed session."""
        return self._watch

    def equity(self) -> EquityHistory:
        """Return what losses and drawdowns are measured from."""
        return self._equity.history

    def restore(self, tick: Tick) -> None:
        """Take up a committed session."""
        self.judge(tick)

    def judge(self, tick: Tick) -> Tick:
        """Feed a session's mark to the breakers; return the tick with what tripped at it.

        Rules of one's own that are checked after a trade are told like breakers that stop nothing.
        """
        mark = mark_of(tick)
        self._equity = self._equity.fed(mark)
        self._watch, events = self._watch.fed(mark)
        if self._checked:
            moment = Moment(session=tick.session, equity=self.equity())
            book = open_book(tick.mark, (), prices={}, rules=self._rules, moment=moment)
            events = (*events, *breaches(book))
        return tick.model_copy(update={"breakers": events}) if events else tick
