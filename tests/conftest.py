"""What every test stands on: promises by name, loopback only, repeatable hypothesis."""

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

hypothesis.settings.register_profile("house", derandomize=True, deadline=None)
hypothesis.settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--promise", metavar="ID", help="only the tests that keep this promise")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--promise")
    if not wanted:
        return
    keeps = [any(m.args == (wanted,) for m in i.iter_markers("promise")) for i in items]
    config.hook.pytest_deselected(items=[i for i, k in zip(items, keeps, strict=True) if not k])
    items[:] = [i for i, k in zip(items, keeps, strict=True) if k]


def is_loopback(host: str) -> bool:
    """Say whether a host names this machine; a name other than localhost does not."""
    if host in {"", "localhost"}:
        return True
    try:
        address = ipaddress.ip_address(host.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse(target: object) -> None:
    pytest.fail(f"a test tried to reach {target!r}, beyond loopback", pytrace=True)


@pytest.fixture(autouse=True)
def only_loopback(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Make any connection or name look-up beyond loopback an error, except in live tests."""
    if request.node.get_closest_marker("live"):
        yield
        return

    def guarded(method: str) -> None:
        original = getattr(socket.socket, method)

        def call(self: socket.socket, *args: Any) -> Any:
            address = args[-1]
            if self.family != socket.AF_UNIX and not is_loopback(str(address[0])):
                _refuse(address)
            return original(self, *args)

        monkeypatch.setattr(socket.socket, method, call)

    for method in ("connect", "connect_ex", "sendto"):
        guarded(method)
    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not is_loopback(name):
            _refuse(name)
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield
