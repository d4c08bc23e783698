"""A tool called wrongly answers in one sentence that says what to do."""

import asyncio
from typing import Annotated

import mcp
import pytest
from mcp.types import TextContent
from pydantic import Field

from mcp_servers.toolkit import add_tool, new_server
from schemas.base import Message, Money
from schemas.errors import LookAhead


class Answer(Message):
    lookback: int


class Amount(Message):
    amount: Money


async def get_bars(symbol: str, *, lookback: Annotated[int, Field(ge=1, le=10)] = 5) -> Answer:
    """Get bars."""
    if symbol == "FUTURE":
        raise LookAhead("nothing after 2020-01-02 can be seen")
    if symbol == "HALF":
        Amount.model_validate({"amount": "1.005"})
    if symbol == "BUG":
        raise RuntimeError("/secret/path")
    return Answer(lookback=lookback)


def ask(**arguments: object) -> tuple[bool, str]:
    server = new_server("prices", "test")
    add_tool(server, get_bars, name="prices_get_bars", title="Bars")

    async def call() -> tuple[bool, str]:
        async with mcp.Client(server) as client:
            result = await client.call_tool("prices_get_bars", arguments)
        part = result.content[0]
        assert isinstance(part, TextContent)
        return bool(result.is_error), part.text

    return asyncio.run(call())


def test_a_misspelt_argument_is_refused_and_never_becomes_the_default() -> None:
    failed, text = ask(symbol="A", lookbak=3)
    assert failed
    assert text == (
        "invalid-request: prices_get_bars has no argument 'lookbak'; did you mean 'lookback'?"
    )


def test_an_argument_like_no_other_is_told_what_there_is() -> None:
    assert ask(symbol="A", zzz=1)[1].endswith("it takes: lookback, symbol")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "symbol: Field required"),
        ({"symbol": "A", "lookback": "many"}, "lookback: Input should be a valid integer"),
        ({"symbol": "A", "lookback": 11}, "lookback: Input should be less than or equal to 10"),
    ],
)
def test_a_wrong_value_is_one_sentence_naming_the_argument(
    arguments: dict[str, object], said: str
) -> None:
    failed, text = ask(**arguments)
    assert failed
    assert text.startswith(f"invalid-request: {said}")
    assert "\n" not in text
    assert "http" not in text


def test_our_own_errors_arrive_as_their_code_and_sentence() -> None:
    assert ask(symbol="FUTURE") == (True, "look-ahead: nothing after 2020-01-02 can be seen")


def test_arguments_that_only_together_cannot_be_are_a_sentence_too() -> None:
    failed, text = ask(symbol="HALF")
    assert failed
    assert text == "invalid-request: amount: has more than 2 decimal places"


def test_a_bug_shows_nothing_of_the_inside() -> None:
    failed, text = ask(symbol="BUG")
    assert failed
    assert "secret" not in text


def test_a_right_call_is_left_alone() -> None:
    assert ask(symbol="A", lookback=3)[0] is False
