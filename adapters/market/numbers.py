"""Numbers out of cells, in bulk."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Mark: TypeAlias = Callable[[NDArray[np.bool_], str], None]
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_GROUPED = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"
_SURELY_GROUPED = r"^[+-]?\d{1,3}((,\d{3}){2,}(\.\d*)?|,\d{3}\.\d*)$"
_RATIO = re.compile(r"(\d+(?:\.\d+)?)\s*(?::|/|-for-|for)\s*(\d+(?:\.\d+)?)")
_MISSING = ("", "nan", "null", "none", "na", "n/a", "#n/a", "-")
OPTIONAL = ("volume", "split", "dividend")
"""Where nothing is written, nothing is known or nothing happened: that is no fault of a row."""


def read_numbers(cell: Any, name: str, mark: Mark) -> NDArray[np.float64]:
    """Read an Arrow array of strings or floats; NaN where there is no number, with a `mark`.

    A missing volume is unknown, which is no fault; infinities and 1e400 are no numbers. Commas
    between thousands are read where they can mean nothing else: `1,234,567`, `1,234.5`, and
    `1,234` in a volume beside such a one. A split may be written `3:2`.
    """
    # pyarrow is slow to import; only an import of data needs it.
    import pyarrow as pa
    from pyarrow import compute

    pc: Any = compute  # its functions are made at run time, unknown to type checkers

    if pa.types.is_floating(cell.type):
        values = cell.to_numpy(zero_copy_only=False).astype(np.float64)
        missing = np.isnan(values)
    else:
        if pa.types.is_dictionary(cell.type):
            cell = cell.dictionary_decode()
        trimmed = pc.ascii_trim_whitespace(cell)
        values = _parsed(trimmed, name, pc)
        # A source that has a word for "nothing" mostly has it often: looked for where needed.
        missing = np.zeros(len(values), dtype=np.bool_)
        if not np.isfinite(values).all():
            words = pc.is_in(pc.ascii_lower(trimmed), pa.array(_MISSING))
            missing = words.fill_null(fill_value=True).to_numpy(zero_copy_only=False)
    odd = ~np.isfinite(values)
    if odd.any():
        values[odd] = np.nan
        if name not in OPTIONAL:
            mark(odd & missing, f"{name} is missing")
        mark(odd & ~missing, f"{name} is not a number")
    return values


def _parsed(trimmed: Any, name: str, pc: Any) -> NDArray[np.float64]:
    import pyarrow as pa  # as above

    try:
        return pc.cast(trimmed, pa.float64()).to_numpy(zero_copy_only=False).copy()
    except ValueError:  # some cell is no number: find out which
        pass
    if name == "split":
        trimmed = pa.array([_ratio(text) for text in trimmed.to_pylist()], pa.string())
    else:
        # Of prices `1,234` may be one and a bit; volumes have no fractions.
        whole = name == "volume" and pc.any(pc.match_substring_regex(trimmed, _SURELY_GROUPED))
        pattern = _GROUPED if whole and whole.as_py() else _SURELY_GROUPED
        grouped = pc.match_substring_regex(trimmed, pattern)
        trimmed = pc.if_else(grouped, pc.replace_substring(trimmed, ",", ""), trimmed)
    valid = pc.match_substring_regex(trimmed, _NUMBER)
    cleaned = pc.if_else(valid, trimmed, pa.scalar(None, pa.string()))
    return pc.cast(cleaned, pa.float64()).to_numpy(zero_copy_only=False).copy()


def _ratio(text: str | None) -> str | None:
    parts = parts_of_ratio(text or "")
    return text if parts is None else repr(float(parts[0]) / float(parts[1]))


def parts_of_ratio(text: str) -> tuple[str, str] | None:
    """Split `3:2`, `3/2` or `3-for-2` into new and old units; None when it is written otherwise."""
    match = _RATIO.fullmatch(text.strip().lower())
    if match is None or not float(match[2]):
        return None
    return match[1], match[2]
