"""A library in a folder and a provider that misbehaves on demand; and a worker to be killed.

Run as a module it drains the downloads of a store: `HOME URI DATABASE [SYMBOL]`, hanging at SYMBOL.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from adapters.clock import SystemClock
from adapters.store.connect import Store, open_store
from interfaces.market import MarketData, Staged
from interfaces.providers import Quota, RawBars
from interfaces.sources import Sources
from orchestrator.downloads import Downloader, DownloadPorts
from schemas.downloads import DownloadRequest, FactKind
from schemas.errors import AlphaShieldError, NotFound
from schemas.facts import CorporateAction, MacroValue, StoredDocument
from schemas.market import ImportReport

LEASE = timedelta(seconds=1)
DAY = date(2024, 1, 3)


class FolderLibrary:
    """What `DataLibrary` promises, of text: staged and published rows are counted in JSON files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.full: AlphaShieldError | None = None
        self.publishes = 0

    def _staged(self, download_id: str) -> Path:
        return self._folder / f"staged-{download_id}"

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(path.stem for path in self._folder.glob("*.set")))

    def open(self, name: str) -> MarketData:
        raise NotFound(f"there is no data set '{name}'")

    def coverage(self, name: str) -> tuple[tuple[str, date, date, int], ...]:
        rows: dict[str, int] = json.loads((self._folder / f"{name}.set").read_text())
        return tuple((symbol, DAY, DAY, count) for symbol, count in sorted(rows.items()))

    def stage(self, download_id: str, chunk: str, rows: Staged) -> None:
        if self.full is not None:
            raise self.full
        folder = self._staged(download_id)
        folder.mkdir(exist_ok=True)
        count = sum(len(page.columns["close"]) for page in rows.bars) + len(rows.facts)
        (folder / chunk).write_text(str(count))

    def staged(self, download_id: str) -> dict[str, int]:
        folder = self._staged(download_id)
        return {path.name: int(path.read_text()) for path in folder.glob("*")}

    def publish(self, download_id: str, request: DownloadRequest) -> ImportReport:
        if self.full is not None:
            raise self.full
        path = self._folder / f"{request.data}.set"
        before = json.loads(path.read_text()) if path.exists() else {}
        staged = self.staged(download_id)
        path.write_text(json.dumps({**before, **staged}))
        self.discard(download_id)
        self.publishes += 1
        return ImportReport(
            name=request.data,
            rows_read=sum(staged.values()),
            rows_kept=sum(staged.values()),
            rows_rejected=0,
            rejected=(),
            symbols=(),
            data_hash="0" * 64,
        )

    def discard(self, download_id: str) -> None:
        for path in self._staged(download_id).glob("*"):
            path.unlink()

    def delete(
        self,
        name: str,
        *,
        symbols: Sequence[str] | None = None,
        start: date | None = None,
        end: date | None = None,
    ) -> ImportReport | None:
        if name not in self.names():
            raise NotFound(f"there is no data set '{name}'")
        (self._folder / f"{name}.set").unlink()
        return None


class Vendor:
    """A provider that answers two bars a symbol, unless `does` says otherwise for one."""

    def __init__(self, name: str = "vendor", log: Path | None = None, **does: Any) -> None:
        self.name = name
        self.offers: frozenset[FactKind] = frozenset({"bars", "actions", "macro", "news"})
        self.asked: list[str] = []
        self.does: dict[str, Callable[[], Any]] = does
        self._log = log

    def _note(self, item: str) -> None:
        self.asked.append(item)
        if self._log is not None:
            with self._log.open("a") as log:
                log.write(f"{item}\n")

    def bars(self, symbol: str, start: date, end: date) -> Iterator[RawBars]:
        self._note(symbol)
        if symbol in self.does:
            yield from self.does[symbol]()
            return
        for day in (start, end):
            yield bars_of(symbol, day)

    def actions(self, symbol: str, start: date, end: date) -> Iterator[CorporateAction]:
        self._note(f"actions of {symbol}")
        return iter(())

    def macro(self, series: str, start: date, end: date) -> Iterator[MacroValue]:
        self._note(f"{series} since {start}")
        moment = SystemClock().now()
        yield MacroValue(
            series=series,
            period=start,
            value=1.0,
            known_time=moment,
            stored_time=moment,
            provider=self.name,
        )

    def news(self, symbol: str, start: date, end: date) -> Iterator[StoredDocument]:
        self._note(f"news of {symbol}")
        return iter(())

    def quota(self) -> Quota:
        return Quota(per_minute=5, per_day=25, left_today=25 - len(self.asked))


def bars_of(symbol: str, *days: date) -> RawBars:
    columns = {"date": [str(day) for day in days], "close": ["1.5"] * len(days)}
    return RawBars(source="double", symbol=symbol, columns=columns)


def sources(*vendors: Vendor, **unset: str) -> Sources:
    names = tuple(vendor.name for vendor in vendors)
    return Sources(
        providers={vendor.name: vendor for vendor in vendors},
        order=dict.fromkeys(("bars", "actions", "macro", "news"), (*names, *unset)),
        unset=unset,
    )


def ports(store: Store, library: FolderLibrary, *vendors: Vendor) -> DownloadPorts:
    return DownloadPorts(
        downloads=store.downloads,
        library=library,
        sources=sources(*vendors),
        wall=SystemClock(),
    )


def main(home: str, uri: str, database: str, hangs_at: str = "") -> None:
    """Drain until told to stop by a signal; a line is said when the hanging symbol is asked."""
    folder = Path(home)

    def hang() -> Iterator[RawBars]:
        sys.stdout.write("hangs\n")
        sys.stdout.flush()
        threading.Event().wait()
        yield bars_of(hangs_at)

    vendor = Vendor(log=folder / "asked", **{hangs_at: hang} if hangs_at else {})
    with closing(open_store(uri, folder, database=database)) as store:
        Downloader(
            ports(store, FolderLibrary(folder), vendor), name="child", lease=LEASE
        ).run_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
