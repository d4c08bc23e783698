"""`audit`: what a model was sent, searched for real names, tickers and dates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cli.group import REFUSED
from cli.output import Json, counted, print_json, print_line, print_table

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from orchestrator.prompt_audit import PromptAudit

Listen = Callable[[str], "Sequence[PromptAudit]"]
_SHOWN = 20


def command(listen: Listen) -> Callable[..., None]:
    """Return the command; `listen` repeats the runs of a job, or one run, and takes them down."""

    def audit(
        name: Annotated[
            str, typer.Argument(metavar="RUN_ID|JOB_ID", help="As `jobs show` gives it.")
        ],
        as_json: Json = False,
    ) -> None:
        """Search everything a run's model was sent for real names, tickers and dates.

        The run is repeated in memory and nothing is written. Exit code 0: nothing real was said;
        3: something was, as always in a run without --mask.
        """
        audits = listen(name)
        if as_json:
            print_json({"runs": audits})
        else:
            for each in audits:
                _print(each)
        if any(each.findings for each in audits):
            raise typer.Exit(REFUSED)

    return audit


def _print(audit: PromptAudit) -> None:
    heard = (
        f"{counted(audit.messages, 'message')} in {counted(audit.requests, 'request')}, "
        f"{counted(audit.sessions, 'session')}"
    )
    how = "masked" if audit.masked else "not masked"
    if not audit.findings:
        print_line(f"{audit.run_id} ({audit.model}, {how}): nothing real was said in {heard}")
        return
    found = counted(len(audit.findings), "finding")
    print_line(f"{audit.run_id} ({audit.model}, {how}): {found} in {heard}")
    print_table(
        "",
        ("kind", "what", "where", "first session", ">times"),
        (
            (each.kind, each.what, each.where, each.session, each.times)
            for each in audit.findings[:_SHOWN]
        ),
    )
    if len(audit.findings) > _SHOWN:
        print_line(f"and {len(audit.findings) - _SHOWN} more: --json shows all")
