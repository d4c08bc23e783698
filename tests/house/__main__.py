"""Run the house's own checks: all of them, or those named on the command line."""

import sys
from pathlib import Path

from tests.house import documents, homes, locks, promises, sizes

CHECKS = {
    "sizes": sizes.problems,
    "homes": homes.problems,
    "promises": promises.problems,
    "locks": locks.problems,
    "docs": documents.problems,
}


def main(names: list[str]) -> int:
    found = [
        f"{name}: {problem}" for name in names or CHECKS for problem in CHECKS[name](Path.cwd())
    ]
    if found:
        sys.stderr.write("\n".join(found) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
