"""Rows of an Alpha Vantage daily JSON file, raw or adjusted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from adapters.market.rows import PRICES, RawRows
from schemas.errors import InvalidRequest

_LARGEST = 64 << 20  # 100 years of daily bars are 8 MB
_FIELDS = {
    "open": "1. open",
    "high": "2. high",
    "low": "3. low",
    "close": "4. close",
    "adjusted": "5. adjusted close",
    "dividend": "7. dividend amount",
    "split": "8. split coefficient",
}
_WORDS = {"DAILY", "PRICES", "PRICE", "ADJUSTED", "TIME", "SERIES", "DATA", "FULL", "COMPACT", "AV"}


def read_alpha_vantage(path: Path) -> Iterator[RawRows]:
    """Yield the file's rows; a row's line is its place in the series, counted from 2.

    `InvalidRequest` when it is not such a file; what the vendor says instead of data is quoted.
    """
    document = _document(path)
    series = document.get("Time Series (Daily)")
    if not isinstance(series, dict) or not series:
        raise InvalidRequest(f"{path.name} holds no 'Time Series (Daily)'{_instead(document)}")
    rows: list[tuple[str, dict[str, Any]]] = [
        (day, row if isinstance(row, dict) else {}) for day, row in series.items()
    ]
    meta = document.get("Meta Data")
    symbol = str(meta.get("2. Symbol", "")) if isinstance(meta, dict) else ""
    _refuse_another(path, symbol)
    yield RawRows(path.name, np.arange(2, len(rows) + 2), _cells(rows, symbol or path.stem))


def _cells(rows: list[tuple[str, dict[str, Any]]], symbol: str) -> dict[str, Any]:
    # pyarrow is slow to import; only an import of data needs it.
    import pyarrow as pa

    adjusted = any(_FIELDS["adjusted"] in row for _, row in rows)
    fields = dict(_FIELDS) if adjusted else {name: _FIELDS[name] for name in PRICES}
    for name in ("split", "dividend"):
        if not all(_FIELDS[name] in row for _, row in rows):
            fields.pop(name, None)  # half a statement is none: the moves are looked at instead
    fields["volume"] = "6. volume" if adjusted else "5. volume"
    cells: dict[str, Any] = {
        "date": pa.array([day for day, _ in rows], pa.string()),
        "symbol": pa.array([symbol] * len(rows), pa.string()),
    }
    for name, key in fields.items():
        cells[name] = pa.array([str(row.get(key, "")) for _, row in rows], pa.string())
    return cells


def _refuse_another(path: Path, symbol: str) -> None:
    """Refuse a file that is named after one symbol and is about another."""
    words = [word for word in re.split(r"[^A-Za-z.\-^=]+", path.stem) if word]
    named = [word for word in words if word.isupper() and word not in _WORDS]
    plain = re.sub(r"[.\-^=\d_ ]", "", symbol.upper())
    about = {re.sub(r"[.\-^=]", "", word.upper()) for word in (*words, path.stem)}
    if symbol and len(named) == 1 and plain not in about:
        raise InvalidRequest(
            f"{path.name} is about {symbol[:16]!r}, not about {named[0][:16]!r} as its name says"
        )


def _document(path: Path) -> dict[str, Any]:
    refusal = InvalidRequest(f"{path.name} is no Alpha Vantage JSON file")
    size = path.stat().st_size
    if size == 0:
        raise InvalidRequest(f"{path.name} is empty")
    if size > _LARGEST:
        raise refusal
    try:
        document: Any = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise refusal from error
    if not isinstance(document, dict):
        raise refusal
    return document


def _instead(document: dict[str, Any]) -> str:
    for key in ("Error Message", "Note", "Information"):
        if isinstance(document.get(key), str):
            return f" but says: {document[key][:120]}"
    return ""
