"""How much money a buy is for that an agent asks for without a quantity."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from interfaces.market import STALE_AFTER, MarketView
from quant.sizing import position_share
from schemas.base import ZERO, to_cents, to_micro
from schemas.errors import InvalidRequest, NotFound
from schemas.risk import Sizing
from trading.gate import Book


def money_by_rule(sizing: Sizing, symbol: str, *, book: Book, view: MarketView) -> Decimal:
    """Return what is missing to the position that the sizing rule wants, in money.

    By `risk_parity` the name is weighed beside all else that is held once working orders have
    filled and that still trades, over their common sessions; alone it gets the cap.
    `InvalidRequest` when the past does not say how large it should be, or it is that large.
    """
    others: dict[str, int] = {}
    try:
        if sizing.method == "risk_parity":
            others = _others(symbol, book, view)
        own, rest = _returns(symbol, others, view=view, window=sizing.window)
        share = position_share(sizing, own, others=rest if others else None)
    except (InvalidRequest, NotFound) as error:
        beside = " beside what is held" if others else ""
        raise InvalidRequest(f"{symbol} cannot be sized{beside}: {error}") from error
    held = book.projected.get(symbol, ZERO) * book.prices.get(symbol, ZERO)
    missing = to_cents(to_micro(share) * book.equity - held)
    if missing <= 0:
        raise InvalidRequest(f"{symbol} is as large as its sizing rule lets it be")
    return missing


def _others(symbol: str, book: Book, view: MarketView) -> dict[str, int]:
    """Return what else will be held, with −1 for what is short.

    What trades no more, or not here, is left out: there would be no common session since its last.
    """
    recent = view.closes([symbol], lookback=STALE_AFTER + 1).sessions
    found: dict[str, int] = {}
    for name, units in sorted(book.projected.items()):
        if not units or name == symbol:
            continue
        with suppress(NotFound):
            last = view.last_close(name)
            if last is not None and len(recent) and np.datetime64(last[0]) >= recent[0]:
                found[name] = 1 if units > 0 else -1
    return found


def _returns(
    symbol: str, others: dict[str, int], *, view: MarketView, window: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (T,) returns of the name and (T, K) of the positions beside it, T ≤ window."""
    levels = view.closes([symbol, *others], lookback=window + 1).values
    returns = levels[1:] / levels[:-1] - 1.0
    return returns[:, 0], returns[:, 1:] * np.array([*others.values()], dtype=np.float64)
