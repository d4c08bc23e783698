"""`audit`: what a model was sent, and how each trade came about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from cli.doors import opened
from cli.group import FAILED, REFUSED
from cli.output import Json, counted, print_json, print_line, print_table

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from orchestrator.prompt_audit import PromptAudit

Listen = Callable[[str], "Sequence[PromptAudit]"]
JobId = Annotated[str, typer.Argument(metavar="JOB_ID", help="As `jobs list` shows it.")]
_PROMPTS = "prompts"
_SHOWN = 20


class _Audits(TyperGroup):
    """The group's commands; what is none of them is a job or run whose prompts are searched."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read `audit JOB_ID` as `audit prompts JOB_ID`."""
        if not any(word in self.commands or word == "--help" for word in args[:1]):
            args = [_PROMPTS, *args]
        return super().parse_args(ctx, args)


def group(listen: Listen) -> typer.Typer:
    """Return the commands; `listen` repeats the runs of a job, or one run, and takes them down."""
    app = typer.Typer(
        cls=_Audits,
        help="What models were sent, and how each trade came about. `audit JOB_ID` is `audit "
        "prompts JOB_ID`.",
    )
    app.command(_PROMPTS)(_prompts(listen))
    app.command()(trade)
    app.command()(trades)
    return app


def trade(
    context: typer.Context,
    job_id: JobId,
    order_id: Annotated[
        str, typer.Argument(metavar="ORDER_ID", help="As `audit trades` shows it; or its start.")
    ],
    as_json: Json = False,
) -> None:
    """Show how a trade came about: data, memories, model, proposal, gate, order, fills, ledger.

    Exit code 5: the ledger is not as it was written where the trade is booked.
    """
    from orchestrator.explain import explain_trade
    from orchestrator.trade_list import find_order

    with opened(context) as doors:
        job = doors.jobs.get(job_id)
        run, whole_id = find_order(job, order_id, doors.ticks)
        chain = explain_trade(job, run, whole_id, doors.ticks, journal=doors.journal())
    if as_json:
        print_json(chain)
    else:
        from cli.trade_chain import print_chain  # it needs the schemas: `--help` does not

        print_chain(chain, model=run.model)
    if not all(each.verified for each in chain.ledger):
        raise typer.Exit(FAILED)


def trades(context: typer.Context, job_id: JobId, as_json: Json = False) -> None:
    """List the orders of a job with their ids, in the order they were placed."""
    from orchestrator.trade_list import list_trades
    from schemas.base import plain

    with opened(context) as doors:
        rows = list_trades(doors.jobs.get(job_id), doors.ticks)
    if as_json:
        print_json({"job_id": job_id, "trades": rows})
        return
    print_table(
        "",
        (
            "order",
            "model",
            "session",
            "side",
            ">units",
            ">filled",
            "symbol",
            "status",
            ">amount",
            ">costs",
            ">gain",
        ),
        (
            (
                row.order_id,
                row.model,
                row.session,
                row.side,
                plain(row.quantity),
                plain(row.filled_quantity),
                row.symbol,
                row.status,
                row.amount,
                row.costs,
                row.realised_gain,
            )
            for row in rows
        ),
    )


def _prompts(listen: Listen) -> Callable[..., None]:
    def prompts(
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

    return prompts


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
