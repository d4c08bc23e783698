"""Tables beside the prices: their rows as text, under the names that are understood."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.market.parquet_rows import plain_column
from adapters.market.rows import simplified
from schemas.errors import InvalidRequest, NotFound

_LARGEST = 1 << 30
_SYMBOL = ["symbol", "ticker", "sym", "code"]
_WHO = ["instrument", "instrumentid", "permno", "permaticker", "figi", "cusip", "isin", "cik"]
_KNOWN = ["knowntime", "knownat", "known", "announced", "announcedat", "published", "publishedat"]
_COLUMNS: dict[str, dict[str, list[str]]] = {
    "actions": {
        "symbol": _SYMBOL,
        "ex_date": ["exdate", "date", "effectivedate", "exdividenddate"],
        "kind": ["kind", "type", "action", "actiontype", "event"],
        "ratio": ["ratio", "splitratio", "factor", "splitfactor", "splitcoefficient", "split"],
        "new_units": ["newunits", "newrate", "newshares", "new", "splitto"],
        "old_units": ["oldunits", "oldrate", "oldshares", "old", "splitfrom"],
        "cash": ["cash", "cashamount", "amount", "dividend", "rate", "value"],
        "pay_date": ["paydate", "paymentdate", "payabledate", "payable", "paid"],
        "new_symbol": ["newsymbol", "newticker"],
        "known_time": [*_KNOWN, "announcementdate", "declarationdate", "declareddate"],
        "action_id": ["actionid", "id"],
        "withdrawn": ["withdrawn", "cancelled", "canceled"],
    },
    "listings": {
        "symbol": _SYMBOL,
        "instrument": _WHO,
        "name": ["name", "company", "companyname", "title"],
        "first": ["first", "firstsession", "firstdate", "start", "startdate", "listed", "from"],
        "last": ["last", "lastsession", "lastdate", "end", "enddate", "delisted", "to"],
        "known_time": _KNOWN,
    },
    "members": {
        "universe": ["universe", "index", "indexname"],
        "symbol": _SYMBOL,
        "enters": ["enters", "entered", "added", "dateadded", "start", "startdate", "from"],
        "leaves": ["leaves", "left", "removed", "dateremoved", "end", "enddate", "to"],
        "known_time": _KNOWN,
    },
    "macro": {
        "series": ["series", "seriesid", "id"],
        "period": ["period", "date", "observationdate"],
        "value": ["value", "observation"],
        "known_time": [*_KNOWN, "vintage", "vintagedate", "realtimestart", "released"],
    },
    "fundamentals": {
        "symbol": _SYMBOL,
        "field": ["field", "metric", "item", "concept", "tag"],
        "period_end": ["periodend", "period", "enddate", "fiscaldateending"],
        "value": ["value", "amount"],
        "unit": ["unit", "units", "uom"],
        "known_time": [*_KNOWN, "filed", "filingdate", "acceptedat", "reporteddate"],
    },
    "documents": {
        "document_id": ["id", "documentid", "uuid", "url"],
        "published_at": [*_KNOWN, "date", "time", "createdat", "timepublished"],
        "title": ["title", "headline"],
        "text": ["text", "body", "content", "summary"],
        "symbols": ["symbols", "tickers", *_SYMBOL],
        "source": ["source", "author", "publisher"],
        "kind": ["kind", "type"],
    },
}
_NEEDED = {
    "actions": ("symbol", "ex_date", "kind"),
    "listings": ("symbol",),
    "members": ("symbol", "enters"),
    "macro": ("series", "period", "value"),
    "fundamentals": ("symbol", "field", "period_end", "value"),
    "documents": ("title",),
}
KINDS = tuple(_COLUMNS)


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its line in the file, and its cells by meaning; what is not there is empty."""

    number: int
    cells: dict[str, str]
    broken: str = ""
    """Why it is no row of the table at all, empty when it is one."""

    def __getitem__(self, meaning: str) -> str:
        return self.cells.get(meaning, "")


def read_lines(path: Path, kind: str) -> Iterator[Line]:
    """Yield the rows of a CSV or Parquet file, or of documents in JSON lines, in order.

    `NotFound`, or `InvalidRequest` when it is no such table or lacks a column.
    """
    if kind not in _COLUMNS:
        raise InvalidRequest(f"{kind[:30]!r} is no kind of table: use one of {', '.join(KINDS)}")
    if not path.exists():
        raise NotFound(f"there is no file {path.name!r} of {kind}")
    if not path.is_file() or path.stat().st_size > _LARGEST:
        raise InvalidRequest(f"{path.name!r} is no ordinary file of up to 1 GiB")
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _of_parquet(path, kind)
    if kind == "documents" and suffix in (".jsonl", ".ndjson", ".json"):
        return _of_json(path)
    return _of_text(path, kind)


def _meanings(header: list[str], kind: str, source: str) -> dict[str, int]:
    plain = simplified(header)
    found = {
        meaning: plain.index(known[0])
        for meaning, names in _COLUMNS[kind].items()
        if (known := [name for name in names if name in plain])
    }
    missing = [name for name in _NEEDED[kind] if name not in found]
    if missing:
        columns = "column" if len(missing) == 1 else "columns"
        raise InvalidRequest(f"{source} of {kind} lacks the {columns} {', '.join(missing)}")
    return found


def _of_text(path: Path, kind: str) -> Iterator[Line]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            delimiter = max(",;\t|", key=first.count)
            header = next(csv.reader([first], delimiter=delimiter), [])
            columns = _meanings(header, kind, path.name)
            reader = csv.reader(file, delimiter=delimiter)
            begin = 2
            for row in reader:
                number, begin = begin, reader.line_num + 2
                if not any(map(str.strip, row)):
                    continue
                wrong = f"has {len(row)} columns where the header has {len(header)}"
                if len(row) != len(header):
                    yield Line(number, {"symbol": row[0]}, wrong)
                else:
                    yield Line(number, {name: row[at].strip() for name, at in columns.items()})
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidRequest(f"{path.name} is no table of UTF-8 text") from error
    except OSError as error:
        raise InvalidRequest(f"{path.name!r} cannot be read") from error


def _of_parquet(path: Path, kind: str) -> Iterator[Line]:
    # pyarrow is slow to import; only an import of data needs it.
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
            columns = {m: names[at] for m, at in _meanings(names, kind, path.name).items()}
            number = 2
            for batch in file.iter_batches(columns=list(columns.values())):
                cells = {m: _texts(batch.column(name)) for m, name in columns.items()}
                for row in range(batch.num_rows):
                    yield Line(number, {m: texts[row].strip() for m, texts in cells.items()})
                    number += 1
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise InvalidRequest(f"{path.name} is no Parquet table of {kind}") from error


def _texts(column: Any) -> list[str]:
    import pyarrow as pa  # as above

    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return [" ".join(map(str, each or [])) for each in column.to_pylist()]
    return plain_column(column).to_pylist()


def _of_json(path: Path) -> Iterator[Line]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, text in enumerate(file, 1):
                if text.strip():
                    yield _of_object(number, text)
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{path.name} is no UTF-8 text") from error
    except OSError as error:
        raise InvalidRequest(f"{path.name!r} cannot be read") from error


def _of_object(number: int, text: str) -> Line:
    try:
        row: Any = json.loads(text)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        return Line(number, {}, "line is no JSON object")
    plain = dict(zip(simplified([str(name) for name in row]), row.values(), strict=True))
    cells: dict[str, str] = {}
    for meaning, names in _COLUMNS["documents"].items():
        value = next((plain[name] for name in names if plain.get(name) is not None), "")
        cells[meaning] = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return Line(number, {name: cell.strip() for name, cell in cells.items()})
