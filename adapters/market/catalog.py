"""The data sets at hand, to read and to write: the bundled one, and what the user has stored."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa

from adapters.calendar import ExchangeCalendar
from adapters.clock import SystemClock
from adapters.market import bundled, stored
from adapters.market.cache import BadCacheError, open_cache
from adapters.market.compiled import compile_set
from adapters.market.facts import Facts
from adapters.market.identity import provenance
from adapters.market.segments import check_segment, read_segment
from adapters.market.table import PriceArrays, PriceTable
from interfaces.clock import Clock
from schemas.errors import NotFound, UntrustworthyData
from schemas.market import ImportReport

_ATTEMPTS = 5
_log = logging.getLogger(__name__)


class LocalCatalog:
    """Implement `DataCatalog` over one home folder; safe to share between threads.

    A set is loaded once and kept until it is changed on disk; views taken before stay valid.
    """

    def __init__(self, home: Path, wall: Clock | None = None) -> None:
        self._folder = home / "data"
        self._wall = wall or SystemClock()
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
                arrays, _ = self._content(name, manifest)
            except FileNotFoundError:  # replaced since the manifest was read
                continue
            calendar = self.calendar(manifest.info.calendar)
            table = PriceTable(manifest.info, arrays, calendar)
            self._loaded[name] = (manifest.sha256, table)
            return table
        raise _missing(name)

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

        def rows(kind: str) -> Iterator[pa.Table]:
            for segment in manifest.segments:
                if segment.kind == kind:
                    yield from read_segment(folder, segment)

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
