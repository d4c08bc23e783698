"""An order's id depends on what is asked for and on nothing random."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from schemas.orders import Terms
from trading.orders import OrderIntent, client_order_id, keyed_order_id

LIMIT = Terms(order_type="limit", limit_price=Decimal(10))


def identity(intent: OrderIntent, *, sequence: int = 0, scope: str = "run", tick: int = 3) -> str:
    return client_order_id(scope, tick, "alpha", intent=intent, sequence=sequence)


def test_the_terms_are_part_of_what_an_id_stands_for() -> None:
    plain = OrderIntent("AAA", "buy", Decimal(1))
    limited = OrderIntent("AAA", "buy", Decimal(1), LIMIT)
    dearer = OrderIntent(
        "AAA", "buy", Decimal(1), Terms(order_type="limit", limit_price=Decimal(11))
    )
    same = OrderIntent("AAA", "buy", Decimal(1), LIMIT.model_copy())
    assert len({identity(each) for each in (plain, limited, dearer)}) == 3
    assert identity(limited) == identity(same)
    assert plain == OrderIntent("AAA", "buy", Decimal(1), Terms())


@given(scope=st.text(max_size=20), tick=st.integers(0, 10**6), sequence=st.integers(0, 10**6))
def test_ids_are_short_hexadecimal_and_tell_apart_what_is_apart(
    scope: str, tick: int, sequence: int
) -> None:
    intent = OrderIntent("AAA", "sell", Decimal(1), LIMIT)
    found = identity(intent, scope=scope, tick=tick, sequence=sequence)
    assert len(found) == 32
    assert int(found, 16) >= 0
    assert found != identity(intent, scope=scope, tick=tick, sequence=sequence + 1)
    assert found != identity(intent, scope=scope, tick=tick + 1, sequence=sequence)
    assert found != keyed_order_id(scope, tick, "alpha", key=str(sequence))
