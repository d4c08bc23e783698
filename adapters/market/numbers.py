"""Numbers out of text cells, in bulk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_MISSING = ("", "nan", "null", "none", "na", "n/a", "#n/a", "-")


def read_numbers(
    cell: Any, name: str, mark: Callable[[NDArray[np.bool_], str], None]
) -> NDArray[np.float64]:
    """Read an Arrow string array; NaN where there is no number, after saying why by `mark`.

    A missing volume is unknown, which is no fault; infinities and 1e400 are no numbers.
    """
    # pyarrow is slow to import; only an import of data needs it.
    import pyarrow as pa
    from pyarrow import compute

    pc: Any = compute  # its functions are made at run time, unknown to type checkers

    trimmed = pc.ascii_trim_whitespace(cell)
    try:
        values = pc.cast(trimmed, pa.float64()).to_numpy(zero_copy_only=False).copy()
    except ValueError:  # some cell is no number: find out which
        valid = pc.match_substring_regex(trimmed, _NUMBER)
        cleaned = pc.if_else(valid, trimmed, pa.scalar(None, pa.string()))
        values = pc.cast(cleaned, pa.float64()).to_numpy(zero_copy_only=False).copy()
    odd = ~np.isfinite(values)
    if odd.any():
        values[odd] = np.nan
        words = pc.is_in(pc.ascii_lower(trimmed), pa.array(_MISSING))
        missing = odd & words.to_numpy(zero_copy_only=False)
        if name != "volume":
            mark(missing, f"{name} is missing")
        mark(odd & ~missing, f"{name} is not a number")
    return values
