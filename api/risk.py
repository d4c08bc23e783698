"""Risk over HTTP: the kill switch, the limits and the rules in force."""

from __future__ import annotations

import logging

from flask import Response

from api.access import caller
from api.parts import answer, parts
from schemas.errors import AlphaShieldError
from schemas.halts import HaltOrder, HaltState, ReleaseOrder, sentence
from schemas.risk import Halt

_LOG = logging.getLogger(__name__)


def show_halt() -> Response:
    """Say whether trading is halted, by whom and why, with the halts and releases before.

    Where it cannot be found out, trading is halted: the source is then `unknown`.
    """
    switch = parts().kill_switch
    return _answer(switch.halted())


def halt_trading(body: HaltOrder) -> Response:
    """Halt all trading of this installation: no further order passes.

    A halt that is in force already stays, with its name and reason. Simulations that meet a halt
    pause, and go on unchanged when they are resumed after its release.
    """
    mine = Halt(by=body.by, reason=body.reason, since=parts().wall.now(), source="api")
    held = parts().kill_switch.pull(mine)
    _LOG.warning("%s (halted through the API by %s)", sentence(held), caller().name)
    return _answer(held)


def release_halt(body: ReleaseOrder) -> Response:
    """Release the kill switch in a person's name, and remove the file HALT where there is one.

    409 when trading is not halted.
    """
    switch = parts().kill_switch
    was = switch.release(by=body.by, now=parts().wall.now())
    _LOG.warning(
        "trading is released by %s (through the API by %s); it was halted by %s",
        *(body.by, caller().name, was.by),
    )
    return _answer(switch.halted())


def show_limits() -> Response:
    """Show the limits in force where a request names none: the default and each strategy's own."""
    return answer(parts().risk.limits)


def list_rules() -> Response:
    """List the rules of one's own, each with the file it comes from."""
    return answer(parts().risk.rules)


def _answer(halt: Halt | None) -> Response:
    try:
        history = parts().kill_switch.history()
    except AlphaShieldError:  # the halt says why
        history = None
    return answer(HaltState(halted=halt is not None, halt=halt, history=history))
