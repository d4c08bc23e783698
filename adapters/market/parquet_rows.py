"""Rows of a Parquet file of prices, whatever sensible types its columns have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from adapters.market.days import slashed, why_not_month_first
from adapters.market.rows import RawRows, meanings
from schemas.errors import InvalidRequest

_ROWS = 1 << 16
_NUMBERS = ("open", "high", "low", "close", "adjusted", "volume", "split", "dividend")


def read_parquet(path: Path) -> Iterator[RawRows]:
    """Yield the file's rows in order; a row's line is its place in the file, counted from 2.

    Dates may be dates, timestamps or text; numbers may be of any numeric type or text.
    `InvalidRequest` when it is no Parquet file, or lacks a column.
    """
    # pyarrow is slow to import; only an import of data needs it.
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            columns = meanings(list(file.schema_arrow.names), path.name)
            month_first = _month_first(file, columns["date"], path.name)
            line = 2
            names = [file.schema_arrow.names[index] for index in columns.values()]
            for batch in file.iter_batches(_ROWS, columns=names):
                cells = {
                    meaning: plain_column(batch.column(name), number=meaning in _NUMBERS)
                    for meaning, name in zip(columns, names, strict=True)
                }
                lines = np.arange(line, line + batch.num_rows, dtype=np.int64)
                yield RawRows(path.name, lines, cells, month_first)
                line += batch.num_rows
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise InvalidRequest(f"{path.name} is no Parquet table of prices") from error


def plain_column(column: Any, *, number: bool = False) -> Any:
    """Return a column as floats where it has numbers and they are asked for, else as text.

    Dates and moments are written in ISO form, with an offset where they have a zone; nulls become
    empty text.
    """
    import pyarrow as pa  # as above
    from pyarrow import compute

    pc: Any = compute  # its functions are made at run time, unknown to type checkers
    kind = column.type
    if pa.types.is_dictionary(kind):
        return plain_column(column.dictionary_decode(), number=number)
    if number and (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        return pc.cast(column, pa.float64(), safe=False)
    if number and pa.types.is_decimal(kind):
        # By way of text: Arrow's own way from exact numbers to floats is off in the last digit.
        return pc.cast(pc.cast(column, pa.string()), pa.float64())
    if pa.types.is_timestamp(kind) and kind.unit == "ns":  # Python's moments have microseconds
        return plain_column(pc.cast(column, pa.timestamp("us", kind.tz), safe=False))
    if pa.types.is_temporal(kind):
        coded = column.dictionary_encode()
        values = [
            None if each is None else each.isoformat() for each in coded.dictionary.to_pylist()
        ]
        words = pa.array(values, pa.string())
        texts = pa.DictionaryArray.from_arrays(coded.indices, words).dictionary_decode()
        return texts.fill_null("")
    return pc.cast(column, pa.string()).fill_null("")


def _month_first(file: Any, index: int, source: str) -> bool:
    import pyarrow as pa  # as above

    field = file.schema_arrow.field(index)
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return False
    dates: set[str] = set()
    for batch in file.iter_batches(_ROWS, columns=[field.name]):
        dates.update(plain_column(batch.column(0).unique()).to_pylist())
    if not any(map(slashed, dates)):
        return False
    reason = why_not_month_first(dates)
    if reason is not None:
        raise InvalidRequest(f"{source} cannot be read: {reason}")
    return True
