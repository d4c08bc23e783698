"""Run every benchmark, each in a process of its own: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(wanted: list[str]) -> int:
    """Run the benchmarks whose names begin with one of the words; all without any."""
    names = sorted(path.stem for path in HERE.glob("[a-z]*.py"))
    chosen = [n for n in names if not wanted or any(n.startswith(w) for w in wanted)]
    if not chosen:
        print(f"no such benchmark; there are: {', '.join(names)}", file=sys.stderr)
        return 2
    failed = 0
    for name in chosen:
        print(f"== {name}", flush=True)
        failed += subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"], check=False
        ).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
