"""A user of an embedded store in its own process: commits ticks and says after each that it did.

`python -m tests.adapters.store.user HOME RUN FENCE TICKS`; then it waits to be killed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from adapters.store.connect import open_store
from tests.contracts.store_messages import a_tick


def main(home: str, run: str, fence: str, count: str) -> None:
    store = open_store(None, Path(home))
    head = store.ticks.open(run, "e" * 64, int(fence))
    print("open", head, flush=True)  # noqa: T201 - the parent reads it
    for n in range(head, int(count)):
        store.ticks.commit(run, int(fence), a_tick(n))
        print("done", n, flush=True)  # noqa: T201 - the parent reads it
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
