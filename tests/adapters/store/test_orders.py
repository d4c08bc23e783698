"""The order stores keep their contract, and the stored one survives a lost acknowledgement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pymongo import uri_parser
from pymongo.database import Database

from adapters.store.connect import Store, open_store
from adapters.store.orders import MongoOrderStore
from adapters.store.orders_in_memory import InMemoryOrderStore
from schemas.errors import UntrustworthyData
from tests.contracts.order_store import (
    AT,
    NamedAccountsContract,
    OrderStoreContract,
    a_fill,
    an_order,
    moved,
)
from tests.contracts.store_proxy import LossyProxy


class TestStored(OrderStoreContract, NamedAccountsContract):
    @pytest.fixture
    def order_store(self, store: Store) -> MongoOrderStore:
        return store.orders

    @pytest.mark.promise("no-duplicate-order")
    @pytest.mark.parametrize("word", ["insert", "update"])
    def test_a_write_whose_acknowledgement_is_lost_is_one_write_and_its_writer_knows(
        self, uri: str, raw: Database[dict[str, Any]], tmp_path: Path, word: str
    ) -> None:
        host, port = uri_parser.parse_uri(uri)["nodelist"][0]
        with LossyProxy(host, port or 27017) as proxy:
            behind = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
            lossy = open_store(behind, tmp_path, database=raw.name)
            order = an_order()
            if word == "update":
                lossy.orders.create("acc", order)
            proxy.lose(word)
            if word == "insert":
                assert lossy.orders.create("acc", order) == order
            else:
                lossy.orders.move("acc", moved(order, "submitted"), seen=1)
                assert lossy.orders.get("acc", "one").status == "submitted"
            assert proxy.lost == 1
            assert len(lossy.orders.orders("acc")) == 1
            lossy.close()

    def test_a_document_that_is_no_order_is_not_passed_over(
        self, store: Store, raw: Database[dict[str, Any]]
    ) -> None:
        store.orders.create("acc", an_order())
        store.orders.add_fill("acc", a_fill("f1"), at=AT)
        raw["orders"].update_one({}, {"$set": {"quantity_micro": -1}})
        raw["order_fills"].update_one({}, {"$set": {"side": "hold"}})
        with pytest.raises(UntrustworthyData, match="Order cannot be read"):
            store.orders.unsettled("acc")
        with pytest.raises(UntrustworthyData, match="Fill cannot be read"):
            store.orders.fills("acc")


class TestInMemory(OrderStoreContract):
    @pytest.fixture
    def order_store(self) -> InMemoryOrderStore:
        return InMemoryOrderStore()
