"""The file `HALT` in the home folder: anybody who can touch it halts trading."""

from __future__ import annotations

import os
import pwd
import stat
from datetime import UTC, datetime
from pathlib import Path

from interfaces.clock import WallClock
from schemas.errors import Unavailable
from schemas.halts import LONGEST_REASON
from schemas.persons import one_line
from schemas.risk import Halt

FILE = "HALT"
_LONGEST_OWNER = 60
_SILENT = "the file says no reason"
_UNREADABLE = "the file cannot be read"


class HaltFile:
    """The file by which anybody who can write to the home folder halts trading."""

    def __init__(self, path: Path, wall: WallClock) -> None:
        self._path = path
        self._wall = wall

    def look(self) -> Halt | None:
        """Return the halt it stands for, or None without a file; `Unavailable` when in doubt."""
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            if self._path.parent.is_dir():
                return None
            raise Unavailable("the home folder is gone") from None
        except OSError as error:
            raise Unavailable(f"the home folder cannot be asked ({error.strerror})") from error
        return Halt(
            by=f"{_owner(found.st_uid)} (file {FILE})",
            reason=self._text(),
            since=self._written(found.st_mtime),
            source="file",
        )

    def write(self, halt: Halt) -> Halt:
        """Write the file, unless there is one, and return the halt it stands for."""
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(self._path, flags, 0o644), "w", encoding="utf-8") as file:
                file.write(f"{halt.by}: {halt.reason}\n")
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            pass
        except OSError as error:
            raise Unavailable(
                f"trading could not be halted: neither the database nor the file {FILE} in the "
                f"home folder can be written ({error.strerror}); stop the workers"
            ) from error
        seen = self.look()
        if seen is None:
            raise Unavailable(f"the file {FILE} was removed in this moment: trading is not halted")
        return seen

    def remove(self) -> None:
        """Remove the file, where there is one; `Unavailable` when it stays."""
        try:
            folder = stat.S_ISDIR(self._path.lstat().st_mode)
            (self._path.rmdir if folder else self._path.unlink)()
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unavailable(
                f"the file {FILE} in the home folder cannot be removed ({error.strerror}), so "
                "trading is still halted: remove it by hand"
            ) from error

    def _text(self) -> str:
        """Return what the file says, in one line; never waits, and follows no link."""
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(self._path, flags), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return _UNREADABLE
                raw = file.read(4 * LONGEST_REASON)
        except OSError:
            return _UNREADABLE
        return one_line(raw.decode("utf-8", "replace"))[:LONGEST_REASON].strip() or _SILENT

    def _written(self, seconds: float) -> datetime:
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, ValueError, OSError):  # a date no calendar has
            return self._wall.now()


def _owner(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name[:_LONGEST_OWNER]
    except KeyError:
        return f"user {user}"
