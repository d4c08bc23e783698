"""`halt`: halting, asking and releasing from a terminal, also while the store is away."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.store.connect import Store
from tests.cli.conftest import Outcome

Run = Callable[..., Outcome]
ON = ("halt", "on", "--by", "Ada Lovelace", "--reason", "the feed is lost")


@pytest.fixture(autouse=True)
def released(run: Run, home: Path, store: Store) -> Iterator[None]:
    """Leave the home that all tests of commands share as it was found."""
    yield
    if run("halt", "--json").json["halted"]:
        assert run("halt", "off", "--by", "The Tests").code == 0
    store._client[store.database]["halts"].delete_many({})
    assert not (home / "HALT").exists()


def test_trading_is_halted_and_released_by_name_and_both_are_kept(run: Run) -> None:
    assert run("halt").out.startswith("trading is not halted\n")
    halted = run(*ON)
    assert halted.code == 0
    assert halted.out.startswith("trading is halted by Ada Lovelace since 20")
    assert halted.out.endswith("UTC: the feed is lost\n")
    asked = run("halt")
    assert asked.code == 0
    assert asked.out.startswith(halted.out)
    released = run("halt", "off", "--by", "Grace Hopper")
    assert released.code == 0
    assert "released; it was halted by Ada Lovelace: the feed is lost" in released.out
    shown = run("halt").out
    assert shown.startswith("trading is not halted\n")
    assert "Grace Hopper" in shown


def test_as_json_all_three_say_how_things_stand(run: Run) -> None:
    on = run(*ON, "--json").json
    assert on["halted"] is True
    assert on["halt"]["source"] == "cli"
    assert run("halt", "--json").json == on
    off = run("halt", "off", "--by", "Grace Hopper", "--json").json
    assert (off["halted"], off["halt"]) == (False, None)
    assert [record["released_by"] for record in off["history"]] == ["Grace Hopper"]
    assert off["history"][0]["halt"] == on["halt"]


def test_halting_twice_changes_nothing_and_says_so(run: Run) -> None:
    first = run(*ON)
    second = run("halt", "on", "--by", "Grace Hopper", "--reason", "me too")
    assert (second.code, second.out) == (0, first.out)
    assert "was halted before" in second.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("halt", "off", "--by", "Ada Lovelace"), 3),
        (("halt", "off"), 2),
        (("halt", "on", "--by", "Ada Lovelace"), 2),
        (("halt", "on", "--by", " ", "--reason", "x"), 2),
        (("halt", "on", "--by", "007", "--reason", "x"), 2),
        (("halt", "on", "--by", "Ada", "--reason", "\t"), 2),
        (("halt", "on", "--by", "Ada", "--reason", "x" * 501), 2),
        (("halt", "maybe"), 2),
    ],
)
def test_what_is_no_halt_or_release_is_refused(run: Run, words: tuple[str, ...], code: int) -> None:
    refused = run(*words)
    assert refused.code == code
    assert refused.err.startswith("alphashield: ")
    assert run("halt", "--json").json == {"halted": False, "halt": None, "history": []}


def test_nobody_releases_without_a_name(run: Run) -> None:
    run(*ON)
    for nobody in ("", "  ", "12"):
        refused = run("halt", "off", "--by", nobody, "--json")
        assert refused.code == 2
        assert json.loads(refused.err)["error"]["code"] == "invalid-request"
    assert run("halt", "--json").json["halted"] is True


def test_a_file_in_the_home_folder_halts_and_a_release_removes_it(run: Run, home: Path) -> None:
    (home / "HALT").write_text("water in the server room\n")
    said = run("halt", "--json").json["halt"]
    assert (said["source"], said["reason"]) == ("file", "water in the server room")
    assert run("halt", "off", "--by", "Ada Lovelace").code == 0
    assert not (home / "HALT").exists()


@pytest.fixture
def away(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same commands, with a database that is not there and a home of its own."""
    monkeypatch.setattr("adapters.store.connect._SELECTION_MS", 100)
    (tmp_path / "home").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    variables = {
        "MONGODB_URI": f"mongodb://127.0.0.1:{port}/",
        "ALPHASHIELD_HOME": str(tmp_path / "home"),
    }
    return lambda *words: run(*words, **variables)


def test_while_the_store_is_away_trading_is_halted_and_can_be_halted(
    away: Run, tmp_path: Path
) -> None:
    asked = away("halt", "--json")
    assert asked.code == 4
    assert (asked.json["halt"]["source"], asked.json["history"]) == ("unknown", None)
    halted = away(*ON)
    assert halted.code == 0
    assert "the file HALT" in halted.err
    assert (tmp_path / "home" / "HALT").read_text() == "Ada Lovelace: the feed is lost\n"
    assert away("halt").code == 0
    released = away("halt", "off", "--by", "Ada Lovelace")
    assert released.code == 4
    assert (tmp_path / "home" / "HALT").exists()


def test_the_doctor_says_that_trading_is_halted(run: Run) -> None:
    def trading() -> dict[str, Any]:
        findings = run("doctor", "--json").json["findings"]
        return next(each for each in findings if each["what"] == "trading")

    assert (trading()["state"], trading()["says"]) == ("ok", "not halted")
    run(*ON)
    assert trading()["state"] == "note"
    assert trading()["says"].endswith("UTC: the feed is lost")


@pytest.mark.long
def test_serve_says_that_trading_is_halted(
    run: Run, start: Callable[..., subprocess.Popen[str]]
) -> None:
    run(*ON)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = start("serve", "--port", str(port), "--json")
    assert process.stderr is not None
    said = next(line for line in process.stderr if "trading is halted" in line)
    assert "by Ada Lovelace" in said
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
