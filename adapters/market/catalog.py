"""The data sets at hand, to read and to write: the bundled one, and what the user has stored."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from adapters.calendar import ExchangeCalendar
from adapters.clock import SystemClock
from adapters.market import bundled, stored
from adapters.market.cache import BadCacheError, open_cache
from adapters.market.compiled import compile_set
from adapters.market.facts import Facts
from adapters.market.identity import provenance
from adapters.market.library import Stored, begun, check_match, extend, read_rows, shrink
from adapters.market.segments import check_segment
from adapters.market.staging import Staging
from adapters.market.table import PriceArrays, PriceTable
from interfaces.clock import Clock
from interfaces.market import Staged
from schemas.downloads import DownloadRequest
from schemas.errors import InvalidRequest, NotFound, UntrustworthyData
from schemas.market import ImportReport

_ATTEMPTS = 5
_log = logging.getLogger(__name__)


class LocalCatalog:
    """Implement `DataLibrary` over one home folder; safe to share between threads.

    A set is loaded once and kept until it is changed on disk; views taken before stay valid.
    """

    def __init__(self, home: Path, wall: Clock | None = None) -> None:
        self._folder = home / "data"
        self._wall = wall or SystemClock()
        self._staging = Staging(self._folder / ".staging")
        self._lock = threading.Lock()
        self._loaded: dict[str, tuple[str, PriceTable]] = {}
        self._calendars: dict[str, ExchangeCalendar] = {}

    def names(self) -> tuple[str, ...]:
        """Return the names of all data sets, sorted."""
        imported = [
            manifest.parent.name
            for manifest in self._folder.glob(f"*/{stored.MANIFEST}")
            if not manifest.parent.name.startswith(".")
        ]
        return tuple(sorted([bundled.NAME, *imported]))

    def open(self, name: str) -> PriceTable:
        """Return the data set; `NotFound` names those that exist.

        A cache that is damaged or gone is made anew from the segments. `UntrustworthyData` when
        one of these does not match its checksum.
        """
        with self._lock:
            if name == bundled.NAME:
                if name not in self._loaded:
                    self._loaded[name] = ("", bundled.load_bundled(self.calendar("XNYS")))
                return self._loaded[name][1]
            return self._stored(name)

    def coverage(self, name: str) -> tuple[tuple[str, date, date, int], ...]:
        """Return (symbol, first session, last session, bars) for every symbol."""
        return self.open(name).coverage()

    def import_report(self, name: str) -> ImportReport:
        """Return what the last import or download of this set kept and refused; `NotFound`."""
        return self._manifest(name).report

    def provenance(self, name: str) -> tuple[tuple[str, str, int, datetime, datetime], ...]:
        """Return (provider, kind, rows, first stored, last stored) for every source; `NotFound`."""
        found = provenance(self._manifest(name).segments)
        return tuple(
            (provider, kind, source.rows, source.first_stored, source.last_stored)
            for (provider, kind), source in found.items()
        )

    def check(self, name: str) -> None:
        """Read every file of the set against its checksum; `UntrustworthyData`, `NotFound`."""
        manifest = self._manifest(name)
        for segment in manifest.segments:
            try:
                check_segment(self._folder / name, segment)
            except FileNotFoundError as error:
                raise _missing(name) from error
        self.open(name)

    def stage(self, download_id: str, chunk: str, rows: Staged) -> None:
        """Keep the rows of one chunk safely until they are published; again replaces them."""
        self._staging.keep(download_id, chunk, rows, now=self._wall.now())

    def staged(self, download_id: str) -> dict[str, int]:
        """Return the chunks kept so far and how many rows each has."""
        return self._staging.counts(download_id)

    def discard(self, download_id: str) -> None:
        """Give up the staged rows; none is fine."""
        self._staging.drop(download_id)

    def publish(self, download_id: str, request: DownloadRequest) -> ImportReport:
        """Screen all staged rows and add them to the data set, which is made where there is none.

        A bar that its own provider tells otherwise now is a new vintage, known from now on; equal
        ones change nothing. The staged rows are given up. `InvalidRequest` when they do not fit
        the set, or when nothing of them can be used; `Conflict` while somebody else writes.
        """
        if request.data == bundled.NAME:
            raise InvalidRequest(f"{bundled.NAME!r} is never changed: download into another set")
        with stored.alone(self._folder):
            chunks = self._staging.read(download_id)
            if request.data in self.names():
                current = self._current(request.data)
                check_match(current.manifest.info, request)
            else:
                calendar = self.calendar(request.calendar)
                current = begun(self._folder / request.data, request, calendar)
            report = extend(current, chunks, request, now=self._wall.now())
        self._staging.drop(download_id)
        return report

    def delete(
        self,
        name: str,
        *,
        symbols: Sequence[str] | None = None,
        start: date | None = None,
        end: date | None = None,
    ) -> ImportReport | None:
        """Drop the bars of these symbols in `start..end`, or the whole set when none is given.

        Returns what is left, None when nothing is. `NotFound`; `Conflict` while somebody writes.
        """
        if name == bundled.NAME:
            raise InvalidRequest(f"{bundled.NAME!r} cannot be deleted")
        with stored.alone(self._folder):
            self._manifest(name)
            if symbols is None and start is None and end is None:
                stored.remove(self._folder / name)
                return None
            return shrink(self._current(name), symbols, start, end)

    def calendar(self, name: str) -> ExchangeCalendar:
        """Return the exchange's calendar, built once."""
        if name not in self._calendars:
            self._calendars[name] = ExchangeCalendar(name)
        return self._calendars[name]

    def _stored(self, name: str) -> PriceTable:
        for _ in range(_ATTEMPTS):
            manifest = self._manifest(name)
            version, table = self._loaded.get(name, ("", None))
            # The same facts may come with other words: splits that were accepted since.
            if table is not None and version == manifest.sha256 and table.info() == manifest.info:
                return table
            try:
                arrays, facts = self._content(name, manifest)
            except FileNotFoundError:  # replaced since the manifest was read
                continue
            calendar = self.calendar(manifest.info.calendar)
            table = PriceTable(manifest.info, arrays, calendar, facts)
            self._loaded[name] = (manifest.sha256, table)
            return table
        raise _missing(name)

    def _current(self, name: str) -> Stored:
        """Return the set as it lies on disk; the lock is held."""
        manifest = self._manifest(name)
        try:
            arrays, facts = self._content(name, manifest)
        except FileNotFoundError as error:
            raise _missing(name) from error
        calendar = self.calendar(manifest.info.calendar)
        return Stored(self._folder / name, manifest, arrays, facts, calendar)

    def _content(self, name: str, manifest: stored.Manifest) -> tuple[PriceArrays, Facts]:
        folder = self._folder / name
        try:
            return open_cache(folder / manifest.file)
        except BadCacheError as error:
            if stored.read_manifest(folder) != manifest:
                raise FileNotFoundError(folder) from error
            _log.warning(
                "the cache of the data set %s is made anew from its facts: %s", name, error
            )

        rows = read_rows([(folder, manifest.segments)])
        arrays, facts = compile_set(rows, self.calendar(manifest.info.calendar))
        try:
            stored.mend_cache(folder, manifest, arrays, facts)
        except OSError as error:  # a full or read-only disk keeps nobody from reading
            _log.warning("the cache of the data set %s cannot be written: %s", name, error.strerror)
        return arrays, facts

    def _manifest(self, name: str) -> stored.Manifest:
        if name not in self.names() or name == bundled.NAME:
            raise NotFound(
                f"there is no imported data set {name!r}; there are: {', '.join(self.names())}"
            )
        return stored.read_manifest(self._folder / name)


def _missing(name: str) -> UntrustworthyData:
    return UntrustworthyData(
        f"a file of the data set {name!r} is missing: restore it from a backup, or import the "
        "data set again"
    )
