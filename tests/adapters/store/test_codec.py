"""Messages come back from documents unchanged; numbers that do not fit are refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import bson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from adapters.store.codec import decode, encode, escape, unescape
from schemas.base import Message, Money, Quantity
from schemas.errors import InvalidRequest, UntrustworthyData
from schemas.results import EquityCurve
from schemas.tick import Tick
from tests.contracts.store_messages import a_job, a_tick, jobs, keys, memories, ticks

ANY_MESSAGE = st.one_of(ticks, jobs, keys, memories)


def through_bson(message: Message) -> Message:
    return decode(type(message), bson.decode(bson.encode(encode(message))))


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(message=ANY_MESSAGE)
def test_a_message_comes_back_the_same_to_the_byte(message: Message) -> None:
    back = through_bson(message)
    assert back == message
    assert back.model_dump_json() == message.model_dump_json()


@given(key=st.text())
def test_an_escaped_key_is_safe_and_comes_back(key: str) -> None:
    assert not set(escape(key)) & set(".$\0")
    assert escape(key) != ""
    assert unescape(escape(key)) == key


def test_money_and_quantities_are_stored_as_integers_under_their_units() -> None:
    document = encode(a_tick(3))
    assert document["mark"]["cash_minor"] == 123456
    assert document["fills"][0]["quantity_micro"] == 12_345_678
    assert document["session"] == "2020-01-05"
    assert document["decisions"][0]["tool_calls"][0]["arguments_json"].startswith('{"symbols"')


def test_columns_of_money_are_stored_as_columns_of_integers() -> None:
    one = (Decimal("0.10"), Decimal("-7.00"))
    curve = EquityCurve(
        sessions=(date(2020, 1, 2), date(2020, 1, 3)), cash=one, market_value=one, equity=one
    )
    assert encode(curve)["cash_minor"] == [10, -700]
    assert through_bson(curve) == curve


class Odd(Message):
    """Shapes that no stored message has yet."""

    prices: dict[str, Money]
    pair: tuple[Quantity | None, Quantity] | None = None
    free: JsonValue = None
    count: int = 0


def test_mappings_of_money_keep_keys_with_dots_and_dollars() -> None:
    odd = Odd(
        prices={"a.b$c%": Decimal("1.00"), "": Decimal("2.50")},
        free={"$x": [10**30]},
        pair=(None, Decimal("0.1")),
    )
    assert through_bson(odd) == odd


def test_an_annotation_without_a_stored_form_is_refused_at_once() -> None:
    class Unknown(Message):
        value: complex

    with pytest.raises(TypeError, match="no stored form"):
        encode(Unknown.model_construct(value=1j))


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_an_integer_over_64_bits_is_refused(number: int) -> None:
    with pytest.raises(InvalidRequest, match="64 bits"):
        encode(Odd(prices={}, count=number))


@pytest.mark.parametrize(
    "amount", [Decimal("92233720368547758.08"), Decimal("0.001"), Decimal("NaN")]
)
def test_money_that_cannot_be_kept_exactly_is_refused(amount: Decimal) -> None:
    with pytest.raises(InvalidRequest):
        encode(Odd.model_construct(prices={"a": amount}))


@pytest.mark.parametrize(
    "change",
    [
        {"as_of": "yesterday"},
        {"n": -1},
        {"extra": 1},
        {"mark": "nothing"},
        {"decisions": [{"output": {"kind": "unknown"}}]},
        {"mark": {"cash_minor": "12"}},
    ],
)
def test_a_document_that_is_no_message_is_untrustworthy(change: dict[str, object]) -> None:
    with pytest.raises(UntrustworthyData, match="stored Tick"):
        decode(Tick, encode(a_tick(0)) | change)


def test_a_field_that_is_missing_takes_its_default_and_ids_of_the_store_are_passed_over() -> None:
    job = a_job()
    document = encode(job)
    assert "worker" not in document
    assert decode(type(job), {"_id": 1, "_key": "x", **document}) == job
