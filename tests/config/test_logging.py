"""One line a record, and no secret in any of them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from config.logging import configure_logging

SECRET = "sk-canary-0123456789"  # a canary, no key


@pytest.fixture(autouse=True)
def restored_root() -> Iterator[None]:
    """Leave the root logger as it was; pytest's own handlers live there."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(style, emit) -> str:
    stream = io.StringIO()
    configure_logging(level="INFO", style=style, secrets=(SECRET, "abc"), stream=stream)
    emit(logging.getLogger("adapters.model"))
    return stream.getvalue()


def test_json_lines_carry_level_logger_time_message_and_fields():
    text = logged("json", lambda log: log.info("run %s began", "r1", extra={"sessions": 756}))
    line = json.loads(text)
    assert line["event"] == "run r1 began"
    assert (line["level"], line["logger"], line["sessions"]) == ("info", "adapters.model", 756)
    assert line["timestamp"].endswith("Z")


def test_records_below_the_level_are_not_written():
    assert logged("json", lambda log: log.debug("noise")) == ""


def fail_with(log: logging.Logger, text: str) -> None:
    def fail() -> None:
        raise RuntimeError(text)

    try:
        fail()
    except RuntimeError:
        log.exception("failed")


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize(
    "emit",
    [
        lambda log: log.info("key is %s", SECRET),
        lambda log: log.info("call", extra={"note": f"used {SECRET}"}),
        lambda log: log.info("call", extra={"api_key": "anything at all canary"}),
        lambda log: log.info("call", extra={"nested": {"Authorization": "canary"}}),
        lambda log: log.info("call", extra={"many": [{"x": (SECRET,)}]}),
        lambda log: log.info("at mongodb://user:canary@host/db"),
        lambda log: log.info("sent Authorization: Bearer canary0123456789"),
        lambda log: fail_with(log, f"401 for {SECRET}"),
        lambda log: log.info("bytes", extra={"body": SECRET.encode()}),
    ],
)
def test_no_secret_reaches_a_line(style, emit):
    text = logged(style, emit)
    assert "canary" not in text
    assert "[redacted]" in text


def test_counts_of_tokens_are_no_secret_and_short_values_do_not_eat_words():
    line = json.loads(
        logged("json", lambda log: log.info("abc", extra={"input_tokens": 120, "free": True}))
    )
    assert (line["event"], line["input_tokens"], line["free"]) == ("abc", 120, True)


def test_an_exception_is_one_json_line_with_its_traceback():
    text = logged("json", lambda log: fail_with(log, "boom"))
    assert len(text.splitlines()) == 1
    assert "RuntimeError: boom" in json.loads(text)["exception"]
