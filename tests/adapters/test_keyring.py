"""API keys: the pepper they stand on, and what is kept of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from adapters.keyring import is_loopback, load_pepper
from schemas.errors import BadConfiguration


def test_a_pepper_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "home" / "pepper"
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: load_pepper(path), range(16)))
    assert len(made) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["pepper"]


def test_a_pepper_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pepper"
    load_pepper(path)
    path.chmod(0o644)
    with pytest.raises(BadConfiguration, match="600"):
        load_pepper(path)


@pytest.mark.parametrize("content", ["", "short", "zz" * 32])
def test_a_damaged_pepper_is_refused_and_not_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "pepper"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(BadConfiguration, match="damaged"):
        load_pepper(path)
    assert path.read_text() == content


@pytest.mark.parametrize(
    ("host", "local"),
    [
        *(("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True)),
        *(("[::1]", True), ("0.0.0.0", False), ("::", False), ("192.168.1.9", False)),
        *(("localhost.evil.example", False), ("", False)),
    ],
)
def test_loopback_is_this_machine_alone(host: str, local: bool) -> None:
    assert is_loopback(host) is local
