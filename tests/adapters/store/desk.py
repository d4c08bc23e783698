"""A trading desk in its own process: for each line on its input it trades, halts or releases.

`python -m tests.adapters.store.desk URI HOME DATABASE`; without a URI on the home's own server.
"""

from __future__ import annotations

import sys
from pathlib import Path

from adapters.clock import SystemClock
from adapters.kill_switch import StoredKillSwitch
from adapters.store.connect import open_store
from schemas.risk import Halt


def main(uri: str, home: str, database: str) -> None:
    store = open_store(uri or None, Path(home), database=database)
    wall = SystemClock()
    switch = StoredKillSwitch(store.halts, home=Path(home), wall=wall)
    for line in sys.stdin:
        match line.strip():
            case "order":
                halt = switch.halted()
                said = f"denied: {halt.reason}" if halt else "placed"
            case "pull":
                switch.pull(Halt(by="Ada", reason="told to", since=wall.now(), source="cli"))
                said = "pulled"
            case _:
                switch.release(by="Ada", now=wall.now())
                said = "released"
        print(said, flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
