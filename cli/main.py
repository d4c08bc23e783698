"""The command line, and its composition root: the only module of `cli` that builds anything."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import audit, data, doctor, halt, jobs, keys, ledger, mcp, serve, simulate
from cli.doors import Doors, Root, Setting, Setup
from cli.group import Commands
from cli.output import print_line

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    import threading
    from collections.abc import Generator

    from cli.doors import DownloadRunner, JobRunner
    from config.settings import Settings
    from interfaces.clock import WallClock
    from interfaces.kill_switch import KillSwitch
    from orchestrator.prompt_audit import PromptAudit
    from schemas.canaries import CanaryReport
    from schemas.market import ImportReport

app = typer.Typer(
    cls=Commands,
    name="alphashield",
    help="Self-funding loans and an honest trading arena, run by agents that act only through "
    "tools.",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command()(simulate.demo)
app.command()(simulate.simulate)
app.command()(serve.serve)
app.command()(serve.worker)
app.command()(doctor.doctor)
for _name, _commands in (
    ("jobs", jobs.app),
    ("data", data.app),
    ("mcp", mcp.app),
    ("keys", keys.app),
    ("ledger", ledger.app),
    ("halt", halt.app),
):
    app.add_typer(_commands, name=_name)


def _listen(name: str) -> tuple[PromptAudit, ...]:
    from adapters.wiring import open_system
    from orchestrator.worker import Worker

    with open_system(_settings()) as system:
        return Worker(system, name=_worker_name()).audit(name)


app.add_typer(audit.group(_listen), name="audit")


@app.callback()
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Self-funding loans and an honest trading arena, run by agents that act only through tools."""
    if version:
        from config.version import VERSION

        print_line(VERSION)
    elif context.invoked_subcommand is None:
        print_line(context.get_help())
    context.obj = Root(setup=_setup, open=_open, import_data=_import, switch=_switch)


def main() -> None:
    """Run the command line of this process."""
    app()


def _settings() -> Settings:
    """Read the settings and set up the log; both are wanted before anything is built."""
    from config.logging import configure_logging
    from config.settings import load_settings

    settings = load_settings()
    configure_logging(
        level=settings.log_level, style=settings.log_format, secrets=settings.secrets()
    )
    return settings


def _setup() -> Setup:
    from config.catalogue import load_universes
    from config.settings import describe, environment

    settings = _settings()
    uri_file = environment().get("MONGODB_URI_FILE")
    return Setup(
        home=settings.home,
        embedded=settings.mongodb_uri is None,
        uri_file=Path(uri_file) if uri_file else None,
        host=settings.host,
        port=settings.port,
        drain_seconds=settings.drain_seconds,
        settings=tuple(Setting(**state.model_dump()) for state in describe(settings)),
        universes={name: each.symbols for name, each in load_universes().items()},
    )


@contextmanager
def _open() -> Generator[Doors]:
    from adapters.wiring import RunMemoryBook, calendar, open_system
    from orchestrator.datasets import DataDesk
    from orchestrator.installation import admission_of

    with open_system(_settings()) as system:

        def downloader(drain: threading.Event) -> DownloadRunner:
            from datetime import timedelta

            from orchestrator.downloads import Downloader, DownloadPorts

            ports = DownloadPorts(
                system.store.downloads,
                system.catalog,
                system.sources,
                system.wall,
                jobs=system.store.jobs,
            )
            lease = timedelta(seconds=system.settings.lease_seconds)
            return Downloader(ports, name=_worker_name(), lease=lease, drain=drain)

        def worker(drain: threading.Event) -> JobRunner:
            # The graph, the agents and the tool servers: most commands need none of them.
            from orchestrator.worker import Worker

            return Worker(system, name=_worker_name(), drain=drain)

        def canaries() -> CanaryReport:
            from datetime import date

            from orchestrator.worker import check_canaries
            from schemas.jobs import SimulationRequest

            day = date(2020, 1, 2)  # any: the market that is asked is made up around it
            models = (system.models[0],)
            return check_canaries(
                system, SimulationRequest(models=models, start_date=day, end_date=day)
            )

        yield Doors(
            jobs=system.store.jobs,
            ticks=system.store.ticks,
            artifacts=system.store.artifacts,
            keyring=system.keyring,
            kill_switch=system.kill_switch,
            catalog=system.catalog,
            admission=admission_of(system, calendar),
            data=DataDesk(
                library=system.catalog,
                downloads=system.store.downloads,
                jobs=system.store.jobs,
                sources=system.sources,
                check=system.catalog.check,
                quality=system.quality,
                told=system.catalog.import_report,
                calendar=calendar,
                wall=system.wall,
            ),
            wall=system.wall,
            worker=worker,
            downloader=downloader,
            canaries=canaries,
            journal=lambda: RunMemoryBook(system.embedder),
        )


@contextmanager
def _switch() -> Generator[tuple[KillSwitch, WallClock]]:
    from adapters.wiring import open_kill_switch

    with open_kill_switch(_settings()) as (switch, wall):
        yield switch, wall


def _worker_name() -> str:
    import os
    import secrets
    import socket

    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"


def _import(path: Path, name: str, **options: Any) -> ImportReport:
    from adapters.wiring import ImportOptions, import_dataset

    home = _settings().home.resolve()
    return import_dataset(path, name, home=home, options=ImportOptions(**options))
