"""Rows of a delimited text file, read in blocks of bounded size."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from adapters.market.days import slashed, why_not_month_first
from adapters.market.rows import BrokenRow, RawRows, meanings
from schemas.errors import InvalidRequest

_HEAD = 1 << 16
_BLOCK = 1 << 19
_MOST_BROKEN = 100_000  # in one block: this is no table, stop reading
_DELIMITERS = ",;\t|"


def read_csv(path: Path) -> Iterator[RawRows | BrokenRow]:
    """Yield the file's rows in order.

    `InvalidRequest` when it is empty, no text, no table, or lacks a column.
    """
    source = path.name
    names, delimiter, sample = _header(path)
    columns = meanings(names, source)
    month_first = any(map(slashed, sample)) and _month_first(path, (names, delimiter), columns)
    broken: list[BrokenRow] = []
    reader = _open(path, (len(names), delimiter), columns, broken)
    line = 2
    try:
        for batch in reader:
            skipped = {row.line for row in broken}
            candidates = np.arange(line, line + batch.num_rows + len(skipped), dtype=np.int64)
            if skipped:
                candidates = candidates[~np.isin(candidates, list(skipped))]
            lines = candidates[: batch.num_rows]
            cells = {meaning: batch.column(f"c{index}") for meaning, index in columns.items()}
            yield RawRows(source, lines, cells, month_first)
            if len(lines):
                line = int(lines[-1]) + 1
            yield from [row for row in broken if row.line < line]
            broken[:] = [row for row in broken if row.line >= line]
    except ValueError as error:  # what Arrow raises
        raise _not_a_table(source) from error
    yield from broken


def _month_first(path: Path, shape: tuple[list[str], str], columns: dict[str, int]) -> bool:
    """Tell that dates are `MM/DD/YYYY`; `InvalidRequest` where the whole column leaves it open."""
    names, delimiter = shape
    dates: set[str] = set()
    try:
        for batch in _open(path, (len(names), delimiter), {"date": columns["date"]}, []):
            dates.update(batch.column(0).unique().to_pylist())
    except ValueError as error:  # what Arrow raises
        raise _not_a_table(path.name) from error
    reason = why_not_month_first(dates)
    if reason is not None:
        raise InvalidRequest(f"{path.name} cannot be read: {reason}")
    return True


def _header(path: Path) -> tuple[list[str], str, list[str]]:
    """Return the column names, the delimiter, and the cells of the first row."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.strip():
        raise InvalidRequest(f"{path.name} is empty")
    first, newline, more = head.partition(b"\n")
    try:
        text = first.decode("utf-8-sig").rstrip("\r")
    except UnicodeDecodeError as error:
        raise _not_a_table(path.name) from error
    if (not newline and len(head) == _HEAD) or (not text.isprintable() and "\t" not in text):
        raise _not_a_table(path.name)
    delimiter = max(_DELIMITERS, key=text.count)
    row = more.partition(b"\n")[0].decode("utf-8", "replace").rstrip("\r")
    names, sample = (next(csv.reader([line], delimiter=delimiter), []) for line in (text, row))
    return names, delimiter, sample


def _open(
    path: Path, shape: tuple[int, str], columns: dict[str, int], broken: list[BrokenRow]
) -> Any:
    # pyarrow is slow to import; only an import of data needs its reader.
    import pyarrow as pa
    from pyarrow import csv as arrow

    count, delimiter = shape

    def note(row: Any) -> str:
        reason = f"has {row.actual_columns} columns where the header has {row.expected_columns}"
        if row.text.strip():
            broken.append(BrokenRow(path.name, row.number, row.text[:80], reason))
        else:
            broken.append(BrokenRow(path.name, row.number, "", ""))
        return "skip" if len(broken) < _MOST_BROKEN else "error"

    wanted = [f"c{index}" for index in columns.values()]
    try:
        return arrow.open_csv(
            path,
            read_options=arrow.ReadOptions(
                use_threads=False,
                block_size=_BLOCK,
                skip_rows=1,
                column_names=[f"c{index}" for index in range(count)],
            ),
            parse_options=arrow.ParseOptions(
                delimiter=delimiter, ignore_empty_lines=False, invalid_row_handler=note
            ),
            convert_options=arrow.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted
            ),
        )
    except ValueError as error:
        raise _not_a_table(path.name) from error


def _not_a_table(source: str) -> InvalidRequest:
    return InvalidRequest(f"{source} is no table of UTF-8 text with one row a line")
