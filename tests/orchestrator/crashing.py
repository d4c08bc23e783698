"""The parent's side of `crash_child`: start workers, watch what they write, stop and kill them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import IO, Any, Self, cast

from adapters.wiring import System
from tests.orchestrator.runs import ROOT, look

LEASE_S = 1.0
SILENCE_S = 60.0


@dataclass(frozen=True)
class Point:
    """A moment in a worker's life: before or after its n-th write of one kind (`any`: of all)."""

    point: str
    nth: int = 1
    when: str = "before"

    def __str__(self) -> str:
        return f"{self.when}-{self.point}-{self.nth}"


@dataclass
class Child:
    """One forked worker, and what it has told so far."""

    pid: int
    nursery: Nursery
    told: list[dict[str, Any]] = field(default_factory=list)

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read on until the worker tells something; fails when it ends before."""
        seen = 0
        while True:
            for each in self.told[seen:]:
                seen += 1
                if wanted(each):
                    return each
                assert "ended" not in each, f"the worker ended too early: {self.told[-5:]}"
            self.nursery.read()

    def ended(self) -> int:
        """Wait for the end and return the exit code, negative for a signal."""
        return self.until(lambda each: "ended" in each)["ended"]

    def stopped(self) -> None:
        self.until(lambda each: "stopped" in each)

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def has_written(self, count: int, point: str | None = None) -> None:
        """Wait until so many writes (of that kind) are done, or until the worker ends."""

        def enough(_: dict[str, Any]) -> bool:
            return len(self.writes(point)) >= count or "ended" in self.told[-1]

        self.until(enough)

    def writes(self, point: str | None = None) -> list[str]:
        done = [each["write"] for each in self.told if each.get("when") == "after"]
        return [each for each in done if point in (None, each)]


def seen_by(system: System, job_id: str) -> str:
    """Return what the canaries see for a job, so that its worker need not look again."""
    return look(system, system.store.jobs.get(job_id).request).model_dump_json()


class Nursery:
    """A process that has imported everything and forks workers."""

    def __init__(self, **environment: str) -> None:
        self._environment = {
            **os.environ,
            "PYTHONHASHSEED": "0",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            **environment,
        }
        self._children: dict[int, Child] = {}
        self._forked: dict[int, int] = {}
        self._tickets = count()
        self._unread = b""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.orchestrator.crash_child"],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._input = cast("IO[bytes]", self._process.stdin)
        self._output = cast("IO[bytes]", self._process.stdout)
        self.read()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._input.close()
        self._output.readall()  # type: ignore[attr-defined]  # unbuffered: the raw pipe
        self._output.close()
        self._process.wait(20)

    def start(
        self,
        system: System,
        job_id: str | None,
        *,
        at: Point | None = None,
        by: signal.Signals = signal.SIGKILL,
        ahead: int = 0,
        embedded: bool = False,
    ) -> Child:
        """Start a worker on this job, or on the queue; at that point it gets that signal.

        Its clock is `ahead` by so many hours; `embedded`: it looks after the home's own server.
        """
        ticket = next(self._tickets)
        order = {
            "ticket": ticket,
            "home": str(system.settings.home),
            "uri": None if embedded else system.store.uri,
            "database": system.store.database,
            "job": job_id,
            "lease": LEASE_S,
            "ahead": ahead,
            "canaries": job_id and seen_by(system, job_id),
            "at": at and {"point": at.point, "nth": at.nth, "when": at.when, "signal": int(by)},
        }
        self._input.write(json.dumps(order).encode() + b"\n")
        self._input.flush()
        while ticket not in self._forked:
            self.read()
        return self._child(self._forked[ticket])

    def read(self) -> None:
        """Take in what was told; a silence longer than any job of ours is a failure."""
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._output], [], [], SILENCE_S)
            assert ready, f"nothing happens any more: {[c.told[-3:] for c in self._living()]}"
            more = os.read(self._output.fileno(), 1 << 16)
            assert more, "the nursery is gone"
            self._unread += more
        *lines, self._unread = self._unread.split(b"\n")
        for told in map(json.loads, lines):
            if "forked" in told:
                self._forked[told["forked"]] = told["pid"]
            self._child(told["pid"]).told.append(told)

    def _living(self) -> list[Child]:
        return [c for c in self._children.values() if "ended" not in (c.told or [{}])[-1]]

    def _child(self, pid: int) -> Child:
        return self._children.setdefault(pid, Child(pid, self))
