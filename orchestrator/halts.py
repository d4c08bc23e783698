"""What a simulation does with the kill switch: a tick that met a halt is given up, not stored.

The same request must give the same bytes, so no result may tell that somebody halted trading while
it was made. An order that meets a halt is denied all the same; the tick it was placed in is then
abandoned before its commit, and the job pauses until the halt is released.
"""

from __future__ import annotations

from interfaces.kill_switch import HaltQuestion
from schemas.errors import Unavailable
from schemas.halts import sentence
from schemas.risk import Halt


class HaltWatch:
    """A kill switch that remembers, within a tick, that it answered `halted`.

    It stands between the switch and a run's trading desk, which asks it before every order.
    """

    def __init__(self, switch: HaltQuestion) -> None:
        self._switch = switch
        self._seen: Halt | None = None

    def begin(self) -> None:
        """Forget what was seen: a tick begins."""
        self._seen = None

    def halted(self) -> Halt | None:
        """Ask the switch; once it has said so, the rest of the tick is halted."""
        if self._seen is None:
            self._seen = self._switch.halted()
        return self._seen

    def refuse(self) -> None:
        """Raise `Unavailable` when an order of this tick met a halt: it must not be committed."""
        if self._seen is not None:
            raise Unavailable(why_paused(self._seen))

    def refuse_now(self) -> None:
        """Ask, and raise `Unavailable` when trading is halted: nothing is begun then."""
        self.halted()
        self.refuse()


def why_paused(halt: Halt) -> str:
    """Say why a job pauses, and what to do."""
    if halt.source == "unknown":
        return f"{sentence(halt)}; see to it and resume the job"
    return f"{sentence(halt)}; release it with `alphashield halt off --by NAME` and resume the job"
