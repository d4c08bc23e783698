"""The orders and fills of sessions gone by, kept small: a page a session, compressed.

A run of years places tens of thousands of orders, and every one of them can still be asked for by
its id. As objects they would fill the memory; they are unpacked when somebody asks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from schemas.orders import Fill, Order


@dataclass(frozen=True, slots=True)
class _Page:
    session: date
    orders: bytes
    fills: bytes


class OrderPages:
    """Ended orders by id, and fills by session."""

    def __init__(self) -> None:
        self._pages: list[_Page] = []
        self._page_of: dict[str, int] = {}

    def add(self, session: date, ended: Sequence[Order], fills: Sequence[Fill]) -> None:
        """Keep the orders that ended in a session and its fills; sessions come in their order."""
        if not ended and not fills:
            return
        for order in ended:
            self._page_of[order.client_order_id] = len(self._pages)
        self._pages.append(_Page(session, _packed(ended), _packed(fills)))

    def order(self, client_order_id: str) -> Order | None:
        """Return an order as it ended; None when it never did."""
        number = self._page_of.get(client_order_id)
        if number is None:
            return None
        for line in _lines(self._pages[number].orders):
            order = Order.model_validate_json(line)
            if order.client_order_id == client_order_id:
                return order
        return None

    def fills(self, since: date) -> tuple[Fill, ...]:
        """Return the fills of that session and all later ones."""
        return tuple(
            Fill.model_validate_json(line)
            for page in self._pages
            if page.session >= since
            for line in _lines(page.fills)
        )


def _packed(messages: Iterable[Order] | Iterable[Fill]) -> bytes:
    text = "\n".join(message.model_dump_json() for message in messages)
    return zlib.compress(text.encode(), level=1) if text else b""


def _lines(packed: bytes) -> Iterator[bytes]:
    # JSON has no line breaks outside its strings, and writes those within as \n.
    return iter(zlib.decompress(packed).split(b"\n") if packed else ())
