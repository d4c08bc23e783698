"""The file HALT, in every form a person or an accident may give it; and the switch in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.halt_file import FILE, HaltFile
from adapters.kill_switch import MemoryKillSwitch
from interfaces.kill_switch import KillSwitch
from schemas.errors import Unavailable
from tests.contracts.kill_switch import KillSwitchContract


class TestMemoryKillSwitch(KillSwitchContract):
    @pytest.fixture
    def switch(self) -> KillSwitch:
        return MemoryKillSwitch()

    @pytest.fixture
    def fresh(self) -> Callable[[], KillSwitch]:
        return MemoryKillSwitch


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE


@pytest.fixture
def file(path: Path) -> HaltFile:
    return HaltFile(path, SystemClock())


def test_without_the_file_nothing_is_halted(file: HaltFile) -> None:
    assert file.look() is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"the feed is lost\n", "the feed is lost"),
        (b"", "the file says no reason"),
        (b" \n\t\x00", "the file says no reason"),
        (b"two\r\nlines\x07", "two lines"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("é".encode() * 5000, "é" * 500),
    ],
)
def test_the_text_of_the_file_is_the_reason(
    file: HaltFile, path: Path, content: bytes, reason: str
) -> None:
    path.write_bytes(content)
    halt = file.look()
    assert halt is not None
    assert halt.reason == reason


def test_the_file_says_since_when(file: HaltFile, path: Path) -> None:
    path.touch()
    os.utime(path, (1_600_000_000, 1_600_000_000))
    halt = file.look()
    assert halt is not None
    assert halt.since == datetime.fromtimestamp(1_600_000_000, UTC)


def test_a_moment_that_no_calendar_has_halts_too(file: HaltFile, path: Path) -> None:
    path.touch()
    os.utime(path, (2**33 * 100, 2**33 * 100))
    assert file.look() is not None


def dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def linked(path: Path) -> None:
    secret = path.parent / "secret"
    secret.write_text("hunter2")
    path.symlink_to(secret)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [dangling, linked, pipe, folder])
def test_what_cannot_be_read_halts_at_once_and_shows_nothing(
    file: HaltFile, path: Path, make: Callable[[Path], None]
) -> None:
    make(path)
    halt = file.look()
    assert halt is not None
    assert halt.reason == "the file cannot be read"
    file.remove()
    assert file.look() is None
    file.remove()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_halts(file: HaltFile, path: Path) -> None:
    path.write_text("secret")
    path.chmod(0)
    halt = file.look()
    assert halt is not None
    assert halt.reason == "the file cannot be read"


def test_an_owner_that_has_no_name_is_told_by_number(
    file: HaltFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(user: int) -> object:
        raise KeyError(user)

    monkeypatch.setattr("adapters.halt_file.pwd.getpwuid", unknown)
    path.touch()
    halt = file.look()
    assert halt is not None
    assert halt.by == f"user {os.getuid()} (file HALT)"


def test_a_home_that_is_no_folder_is_not_taken_for_one_without_the_file(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(Unavailable, match="home folder"):
        HaltFile(tmp_path / "home" / FILE, SystemClock()).look()
    with pytest.raises(Unavailable, match="gone"):
        HaltFile(tmp_path / "gone" / FILE, SystemClock()).look()
