"""Orders and fills of accounts at brokers outside our process.

An order is one document, `_id` being account and order, moved by compare-and-set on `_version`. A
fill is one document, `_id` being account and fill. Both know their account and place by fields of
the store's own, since only `_id` and indexes of a single field are looked up: `_order` (account,
session and moment, sortable as text), `_day` (account and session), `_open` (the account while the
order is unsettled) and `_of` (account and order of a fill). All of them begin with "a ": text that
begins like a date is not found again by the embedded server. What the account held at first is one
document of `order_accounts`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pymongo import IndexModel

from adapters.store.calls import Documents, compare_and_set, insert, repeated
from adapters.store.codec import decode, encode
from schemas.account import AccountMark
from schemas.errors import Conflict, InvalidRequest, NotFound
from schemas.orders import Fill, Order
from trading.order_states import content, is_settled, version

ORDER_INDEXES = [
    IndexModel([("_order", 1)], name="order"),
    IndexModel([("_day", 1)], name="day"),
    IndexModel([("_open", 1)], name="open"),
]
FILL_INDEXES = [IndexModel([("_order", 1)], name="order"), IndexModel([("_of", 1)], name="of")]

_ACCOUNT = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOVED = ("status", "status_reason", "filled_quantity_micro", "history")


class MongoOrderStore:
    """`interfaces.order_store.OrderStore` on three collections."""

    def __init__(self, accounts: Documents, orders: Documents, fills: Documents) -> None:
        self._accounts = accounts
        self._orders = orders
        self._fills = fills
        self._count = itertools.count()

    def begin(self, account: str, mark: AccountMark) -> AccountMark:
        """Keep what the account held before our first order; the first one stays."""
        insert(self._accounts, {"_id": _checked(account), **encode(mark)})
        kept = self.opening(account)
        if kept is None:
            raise Conflict("the account was removed while it was begun")
        return kept

    def opening(self, account: str) -> AccountMark | None:
        """Return what the account held before our first order, or None."""
        found = repeated(lambda: self._accounts.find_one({"_id": _checked(account)}))
        return None if found is None else decode(AccountMark, found)

    def create(self, account: str, order: Order) -> Order:
        """Keep a new order; the same content again returns what is kept, other is `Conflict`."""
        document = {
            **encode(order),
            **_state(account, order),
            "_id": _name(account, order.client_order_id),
            "_day": _day(account, order.session),
            "_order": f"{_day(account, order.session)} {_micros(order.placed_as_of):018d}",
        }
        if insert(self._orders, document):
            return order
        kept = self.get(account, order.client_order_id)
        if content(kept) != content(order):
            raise Conflict(f"order {order.client_order_id} exists with other content")
        return kept

    def move(self, account: str, order: Order, *, seen: int) -> None:
        """Replace the order if it still is at the version `seen`; `Conflict`, `NotFound`."""
        document = encode(order)
        name = _name(account, order.client_order_id)
        change = {field: document.get(field) for field in _MOVED} | _state(account, order)
        if compare_and_set(self._orders, {"_id": name, "_version": seen}, change):
            return
        kept = self.get(account, order.client_order_id)
        raise Conflict(
            f"order {order.client_order_id} has moved on: it is {kept.status} at version "
            f"{version(kept)}, not {seen}"
        )

    def get(self, account: str, client_order_id: str) -> Order:
        """Return the order; `NotFound`."""
        name = _name(account, client_order_id)
        found = repeated(lambda: self._orders.find_one({"_id": name}))
        if found is None:
            raise NotFound(f"the account has no order {client_order_id!r}")
        return decode(Order, found)

    def orders(self, account: str, *, session: date | None = None) -> tuple[Order, ...]:
        """Return the orders of the account, or of one session, as they were placed."""
        if session is not None:
            return self._read({"_day": _day(account, session)})
        return self._read({"_order": _from(account, None)})

    def unsettled(self, account: str) -> tuple[Order, ...]:
        """Return those that have not ended, or only by our presumption."""
        return self._read({"_open": _name(account, "")})

    def add_fill(self, account: str, fill: Fill, *, at: datetime) -> bool:
        """Keep a fill; False when it was kept before, `Conflict` when with other content."""
        name = _name(account, fill.fill_id)
        known = f"{_micros(at):018d} {next(self._count):012d}"
        document = {
            **encode(fill),
            "_id": name,
            "_of": _name(account, fill.client_order_id),
            "_order": f"{_day(account, fill.session)} {known}",
        }
        if insert(self._fills, document):
            return True
        found = repeated(lambda: self._fills.find_one({"_id": name}))
        if found is None or decode(Fill, found) != fill:
            raise Conflict(f"fill {fill.fill_id} exists with other content")
        return False

    def fills(self, account: str, *, since: date | None = None) -> tuple[Fill, ...]:
        """Return the fills, or those from a session on, as they became known."""
        return self._read_fills({"_order": _from(account, since)})

    def fills_of(self, account: str, client_order_id: str) -> tuple[Fill, ...]:
        """Return the fills of one order, as they became known."""
        return self._read_fills({"_of": _name(account, client_order_id)})

    def _read(self, wanted: Mapping[str, Any]) -> tuple[Order, ...]:
        found = repeated(lambda: list(self._orders.find(wanted)))
        orders = [(document["_order"], decode(Order, document)) for document in found]
        orders.sort(key=lambda each: (each[0], each[1].agent, each[1].sequence, each[1].symbol))
        return tuple(order for _, order in orders)

    def _read_fills(self, wanted: Mapping[str, Any]) -> tuple[Fill, ...]:
        found = repeated(lambda: list(self._fills.find(wanted)))
        found.sort(key=lambda document: (document["_order"], document["_id"]))
        return tuple(decode(Fill, document) for document in found)


def _checked(account: str) -> str:
    if not _ACCOUNT.fullmatch(account):
        raise InvalidRequest("an account is named by up to 64 letters, digits, '_', '.' and '-'")
    return account


def _name(account: str, name: str) -> str:
    return f"a {_checked(account)}:{name}"


def _day(account: str, session: date) -> str:
    return f"a {_checked(account)}:{session.toordinal():07d}"


def _from(account: str, since: date | None) -> dict[str, str]:
    """Return the range of an account's places, from a session on; ':' sorts after all digits."""
    first = date.min if since is None else since
    return {"$gte": _day(account, first), "$lt": f"a {account}:9"}


def _state(account: str, order: Order) -> dict[str, Any]:
    return {
        "_version": version(order),
        "_open": None if is_settled(order) else _name(account, ""),
    }


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
