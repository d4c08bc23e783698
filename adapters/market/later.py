"""Bars that became known after their session's close, as a table of facts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

# Imported by what reads data sets alone, which needs pyarrow in any case.
import pyarrow as pa

from adapters.market.compare import Later
from adapters.market.facts import BARS


def later_bars(later: Later, instruments: tuple[str, ...], now: datetime) -> pa.Table:
    """Return late and restated bars as rows of the schema `BARS`."""
    rows = len(later.known)
    words = BARS.field("provider").type
    columns: list[Any] = [
        pa.DictionaryArray.from_arrays(pa.array(later.instrument), pa.array(instruments)),
        pa.array(later.day.astype("datetime64[D]")),
        *(pa.array(np.ascontiguousarray(later.values[:, index])) for index in range(5)),
        pa.array(later.known.astype("datetime64[us]")).cast(BARS.field("known_time").type),
        pa.array([now] * rows, BARS.field("stored_time").type),
        pa.array(["files"] * rows).cast(words) if rows else pa.array([], words),
    ]
    return pa.table(columns, schema=BARS)
