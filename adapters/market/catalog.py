"""The data sets at hand: the bundled one, and what the user has imported."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path

from adapters.calendar import ExchangeCalendar
from adapters.market import bundled, stored
from adapters.market.table import PriceTable
from schemas.errors import NotFound, UntrustworthyData
from schemas.market import ImportReport

_ATTEMPTS = 5


class LocalCatalog:
    """Implement `DataCatalog` over one home folder; safe to share between threads.

    A set is loaded once and kept until it is imported anew; views taken before stay valid.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / "data"
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

        `UntrustworthyData` when its file does not match the checksum of its manifest.
        """
        with self._lock:
            if name == bundled.NAME:
                if name not in self._loaded:
                    self._loaded[name] = ("", bundled.load_bundled(self.calendar("XNYS")))
                return self._loaded[name][1]
            return self._imported(name)

    def coverage(self, name: str) -> tuple[tuple[str, date, date, int], ...]:
        """Return (symbol, first session, last session, bars) for every symbol."""
        return self.open(name).coverage()

    def import_report(self, name: str) -> ImportReport:
        """Return what the import of this set kept and refused; `NotFound`."""
        return self._manifest(name).report

    def calendar(self, name: str) -> ExchangeCalendar:
        """Return the exchange's calendar, built once."""
        if name not in self._calendars:
            self._calendars[name] = ExchangeCalendar(name)
        return self._calendars[name]

    def _imported(self, name: str) -> PriceTable:
        for _ in range(_ATTEMPTS):
            manifest = self._manifest(name)
            version, table = self._loaded.get(name, ("", None))
            # The same prices may come with other words: splits that were accepted since.
            if table is not None and version == manifest.sha256 and table.info() == manifest.info:
                return table
            try:
                arrays = stored.read_prices(self._folder / name, manifest)
            except FileNotFoundError:  # replaced since the manifest was read
                continue
            table = PriceTable(manifest.info, arrays, self.calendar(manifest.info.calendar))
            self._loaded[name] = (manifest.sha256, table)
            return table
        raise UntrustworthyData(f"the file of the data set {name!r} is missing: import it again")

    def _manifest(self, name: str) -> stored.Manifest:
        if name not in self.names() or name == bundled.NAME:
            raise NotFound(
                f"there is no imported data set {name!r}; there are: {', '.join(self.names())}"
            )
        return stored.read_manifest(self._folder / name)
