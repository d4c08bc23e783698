"""What the commands act through: ports, opened by the root for as long as a command runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

import typer

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    import threading
    from pathlib import Path

    from interfaces.clock import WallClock
    from interfaces.keyring import Keyring
    from interfaces.kill_switch import KillSwitch
    from interfaces.market import DataCatalog
    from interfaces.memory import MemoryJournal
    from interfaces.store import ArtifactStore, JobStore, TickStore
    from orchestrator.datasets import DataDesk
    from orchestrator.jobs import Admission
    from schemas.canaries import CanaryReport
    from schemas.downloads import Download
    from schemas.jobs import Job, RunProgress
    from schemas.market import ImportReport


class JobRunner(Protocol):
    """The worker, as far as a terminal needs it."""

    def run_job(self, job_id: str, watch: Callable[[RunProgress], None]) -> Job:
        """Run one stored job in this thread and return it as it then stands."""
        ...

    def see_through(
        self,
        job_id: str,
        watch: Callable[[RunProgress], None],
        *,
        says: Callable[[str], None],
    ) -> Job:
        """Run one stored job, or follow the worker that has it; `says` why it waits."""
        ...

    def run_forever(self) -> None:
        """Claim and run jobs until drained."""
        ...


class DownloadRunner(Protocol):
    """The worker of downloads, as far as a terminal needs it."""

    def see_through(self, download_id: str, watch: Callable[[Download], None]) -> Download:
        """Run one stored download, or follow the worker that has it, until it rests."""
        ...


@dataclass(frozen=True, slots=True)
class Doors:
    """The ports of one open installation."""

    jobs: JobStore
    ticks: TickStore
    artifacts: ArtifactStore
    keyring: Keyring
    kill_switch: KillSwitch
    catalog: DataCatalog
    admission: Admission
    data: DataDesk
    wall: WallClock
    worker: Callable[[threading.Event], JobRunner]
    downloader: Callable[[threading.Event], DownloadRunner]
    canaries: Callable[[], CanaryReport]
    journal: Callable[[], MemoryJournal]
    """An empty book of memories, searched as those of runs are."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it may be shown."""

    variable: str
    meaning: str
    is_set: bool
    shown: str


@dataclass(frozen=True, slots=True)
class Setup:
    """What can be known without opening the store."""

    home: Path
    embedded: bool
    uri_file: Path | None
    """Where MONGODB_URI was read from, when a file holds it."""
    host: str
    port: int
    drain_seconds: float
    settings: tuple[Setting, ...]
    universes: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Root:
    """How commands reach the system; each call reads the settings anew."""

    setup: Callable[[], Setup]
    open: Callable[[], AbstractContextManager[Doors]]
    import_data: Callable[..., ImportReport]
    switch: Callable[[], AbstractContextManager[tuple[KillSwitch, WallClock]]]
    """The kill switch alone, also where the store cannot be opened."""


def root_of(context: typer.Context) -> Root:
    """Return what the root gave to all commands."""
    found: Any = context.obj
    return cast("Root", found)


def opened(context: typer.Context) -> AbstractContextManager[Doors]:
    """Open the installation for the length of a `with` block."""
    return root_of(context).open()
