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
    """A kill switch as a tick sees it: asked at the tick's first order, and again at its end.

    It stands between the switch and a run's trading desk, which asks it before every order. A tick
    is committed whole or not at all, so a halt that comes between two of its orders is met at its
    end: none of them counts then.
    """

    def __init__(self, switch: HaltQuestion) -> None:
        self._switch = switch
        self._asked = False
        self._seen: Halt | None = None

    def begin(self) -> None:
        """Forget what was seen: a tick begins."""
        self._asked, self._seen = False, None

    def halted(self) -> Halt | None:
        """Ask the switch for the tick's first order; the rest of the tick has the same answer."""
        if not self._asked:
            self._asked, self._seen = True, self._switch.halted()
        return self._seen

    def refuse(self) -> None:
        """Raise `Unavailable` when the orders of this tick met a halt: it must not be committed."""
        if self._asked and self._seen is None:
            self._seen = self._switch.halted()
        if self._seen is not None:
            raise Unavailable(why_paused(self._seen))

    def refuse_now(self) -> None:
        """Ask, and raise `Unavailable` when trading is halted: nothing is begun then."""
        self.begin()
        self.halted()
        if self._seen is not None:
            raise Unavailable(why_paused(self._seen))


def why_paused(halt: Halt) -> str:
    """Say why a job pauses, and what to do."""
    if halt.source == "unknown":
        return f"{sentence(halt)}; see to it and resume the job"
    return f"{sentence(halt)}; release it with `alphashield halt off --by NAME` and resume the job"
