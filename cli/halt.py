"""`halt`: the kill switch, of all trading of this installation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.doors import root_of
from cli.group import UNAVAILABLE
from cli.output import Json, note, print_json, print_line, print_table

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from interfaces.kill_switch import KillSwitch
    from schemas.halts import HaltState
    from schemas.risk import Halt

app = typer.Typer(
    help="The kill switch: is trading halted; `on` halts it, `off` releases it.",
    invoke_without_command=True,
)
By = Annotated[str, typer.Option("--by", help="Your name; it is kept.")]


@app.callback()
def status(context: typer.Context, as_json: Json = False) -> None:
    """Say whether trading is halted, by whom and why, and what was halted and released before.

    Exit code 0, halted or not; 4: it cannot be found out, so trading is halted.
    """
    if context.invoked_subcommand is not None:
        return
    with root_of(context).switch() as (switch, _):
        state = _state(switch)
    if as_json:
        print_json(state)
    else:
        _print(state)
    if state.halt is not None and state.halt.source == "unknown":
        raise typer.Exit(UNAVAILABLE)


@app.command()
def on(
    context: typer.Context,
    by: By,
    reason: Annotated[str, typer.Option(help="Why, for whoever is to release it.")],
    as_json: Json = False,
) -> None:
    """Halt all trading: no further order passes until a named person releases it."""
    from pydantic import ValidationError

    from schemas.errors import InvalidRequest
    from schemas.halts import HaltOrder, sentence
    from schemas.risk import Halt
    from schemas.validation import sentence_of

    try:
        wanted = HaltOrder(by=by, reason=reason)
    except ValidationError as error:
        raise InvalidRequest(sentence_of(error, {"by": "--by", "reason": "--reason"})) from error
    with root_of(context).switch() as (switch, wall):
        mine = Halt(by=wanted.by, reason=wanted.reason, since=wall.now(), source="cli")
        held = switch.pull(mine)
        state = _state(switch)
    if as_json:
        print_json(state)
    else:
        print_line(sentence(held))
    _note_what_holds(held, mine, state)


@app.command()
def off(context: typer.Context, by: By, as_json: Json = False) -> None:
    """Release the kill switch, and remove the file HALT from the home folder."""
    with root_of(context).switch() as (switch, wall):
        was = switch.release(by=by, now=wall.now())
        state = _state(switch)
    if as_json:
        print_json(state)
        return
    print_line(f"trading is released; it was halted by {was.by}: {was.reason}")
    if state.halt is not None:
        from schemas.halts import sentence

        note(f"and has been halted anew: {sentence(state.halt)}")


def _state(switch: KillSwitch) -> HaltState:
    from schemas.errors import AlphaShieldError
    from schemas.halts import HaltState

    halt = switch.halted()
    try:
        history = switch.history()
    except AlphaShieldError:  # the halt says why
        history = None
    return HaltState(halted=halt is not None, halt=halt, history=history)


def _print(state: HaltState) -> None:
    from schemas.halts import sentence

    print_line("trading is not halted" if state.halt is None else sentence(state.halt))
    if not state.history:
        return
    print_table(
        "",
        (">", "halted by", "since", "by way of", "reason", "released by", "at"),
        (
            (
                record.number,
                record.halt.by,
                f"{record.halt.since:%Y-%m-%d %H:%M}",
                record.halt.source,
                record.halt.reason,
                record.released_by,
                f"{record.released_at:%Y-%m-%d %H:%M}" if record.released_at else None,
            )
            for record in state.history
        ),
    )


def _note_what_holds(held: Halt, mine: Halt, state: HaltState) -> None:
    if state.history is None and held.source == "file":
        note(
            "the database cannot be asked: the file HALT in the home folder holds the halt, for "
            "all that use this folder"
        )
    elif held != mine:
        note("it was halted before: that halt stays, with its name and reason")
