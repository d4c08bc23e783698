"""Markets as traded, made from smooth prices and corporate actions that cut into them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from adapters.market.facts import Facts, table_of
from adapters.market.table import Floats, PriceArrays, PriceTable
from schemas.facts import ActionKind, CorporateAction
from schemas.market import DatasetInfo
from tests.trading.samples import DAYS, NYSE

LONG_AGO = datetime(2019, 12, 1, 15, tzinfo=UTC)


def action(
    kind: ActionKind,
    instrument: str,
    on: date,
    *,
    known: datetime = LONG_AGO,
    action_id: str | None = None,
    **terms: Any,
) -> CorporateAction:
    """Return an action; its terms may be strings."""
    return CorporateAction.model_validate(
        {
            "known_time": known,
            "stored_time": known,
            "provider": "test",
            "action_id": action_id or f"{instrument}-{kind}-{on}",
            "instrument": instrument,
            "kind": kind,
            "ex_date": on,
            **terms,
        }
    )


def split(instrument: str, on: date, ratio: str, **rest: Any) -> CorporateAction:
    """Return a split written as markets do: `15:1`."""
    new, old = ratio.split(":")
    return action("split", instrument, on, new_units=new, old_units=old, **rest)


def smooth(
    symbols: Sequence[str], days: Sequence[date] = DAYS, *, seed: int = 3
) -> tuple[Floats, Floats]:
    """Return opens and closes of random walks, shape (T, N), that no action cuts into."""
    generator = np.random.default_rng(seed)
    shape = (len(days), len(symbols))
    steps = generator.normal(0, 0.012, shape)
    base = 30.0 * (1 + np.arange(len(symbols)))
    close = base * np.exp(np.cumsum(steps, axis=0))
    start = close * (1 + generator.normal(0, 0.004, shape))
    return start, close


def traded(
    values: Floats,
    symbols: Sequence[str],
    actions: Iterable[CorporateAction],
    days: Sequence[date] = DAYS,
) -> Floats:
    """Return smooth prices as they were traded: in each day's units, none after the end."""
    values = values.copy()
    for each in actions:
        column = symbols.index(each.instrument)
        row = int(np.searchsorted(np.array(days, "datetime64[D]"), np.datetime64(each.ex_date)))
        if each.ratio is not None:
            values[row:, column] /= float(each.ratio)
        elif each.kind in ("delisting", "cash_merger"):
            values[row:, column] = np.nan
    return values


def market(
    start: Floats,
    close: Floats,
    symbols: Sequence[str],
    *,
    actions: Iterable[CorporateAction] = (),
    days: Sequence[date] = DAYS,
    benchmarks: Sequence[str] = (),
) -> PriceTable:
    """Return the data set of these prices as traded; columns in the order of `symbols`, sorted."""
    known = tuple(actions)
    arrays = PriceArrays(
        symbols=tuple(symbols),
        sessions=np.array(days, "datetime64[D]"),
        open=start,
        high=np.fmax(start, close),
        low=np.fmin(start, close),
        close=close,
        volume=np.full_like(close, np.nan),
    )
    new = {str(each.new_symbol) for each in known if each.new_symbol is not None}
    info = DatasetInfo(
        name="made",
        description="generated",
        data_hash=arrays.digest(),
        calendar="XNYS",
        currency="USD",
        close_only=False,
        adjustment="raw",
        symbols=tuple(sorted({*symbols, *new} - set(benchmarks))),
        benchmarks=tuple(benchmarks),
        caveats=(),
        actions=len(known),
    )
    return PriceTable(info, arrays, NYSE, Facts({"actions": table_of("actions", known)}))


def made(
    actions: Iterable[CorporateAction],
    *,
    symbols: Sequence[str] = ("AAA", "BBB", "CCC"),
    places: int = 2,
) -> PriceTable:
    """Return random walks as traded around the actions, prices rounded as an exchange does."""
    known = tuple(actions)
    start, close = (np.round(traded(values, symbols, known), places) for values in smooth(symbols))
    return market(start, close, symbols, actions=known)
