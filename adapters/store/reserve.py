"""A little disk beside the embedded database, given up when there is no other left.

On a full disk a worker could not even store that its job pauses, and a server could not start, as
SQLite writes before it reads. What is given up is for these two; it is laid by again once there is
room. Whoever else writes to the disk may use it up first: then a lease that runs out decides.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

from adapters.store.locks import Files

RESERVE_BYTES = 2 * 1024 * 1024
_AMPLE = 3 * RESERVE_BYTES
_STARTS_WITH = 512 * 1024


class Reserve:
    """The reserve of one home folder; its file tells every process whether it is there."""

    def __init__(self, files: Files) -> None:
        self._path = files.reserve
        self._folder = files.folder

    def lay_by(self) -> None:
        """Take the room if there is ample, unless it is taken already."""
        if self._path.exists() or self._free() < _AMPLE:
            return
        with suppress(OSError):  # somebody was quicker with it, or with the room
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            except OSError:
                self.give_up()
            finally:
                os.close(descriptor)

    def give_up(self) -> bool:
        """Give the room back; False when it was given before."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def is_full(self) -> bool:
        """Tell whether the disk has too little left for a server to start on."""
        return self._free() < _STARTS_WITH

    def _free(self) -> int:
        return shutil.disk_usage(self._folder).free
