"""No test reaches beyond loopback."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import is_loopback


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_a_connection_beyond_loopback_fails_the_test(method):
    with socket.socket() as sock, pytest.raises(pytest.fail.Exception, match="beyond loopback"):
        getattr(sock, method)(("192.0.2.1", 80))


def test_a_datagram_and_a_name_look_up_beyond_loopback_fail_the_test():
    with (
        socket.socket(type=socket.SOCK_DGRAM) as sock,
        pytest.raises(pytest.fail.Exception, match="beyond loopback"),
    ):
        sock.sendto(b"x", ("192.0.2.1", 53))
    with pytest.raises(pytest.fail.Exception, match="beyond loopback"):
        socket.create_connection(("example.org", 80))


def test_a_connection_to_loopback_passes():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        peer, _ = server.accept()
        peer.sendall(b"hello")
        assert client.recv(5) == b"hello"
        peer.close()


@given(st.ip_addresses())
def test_exactly_the_loopback_addresses_pass(address):
    assert is_loopback(str(address)) == (address.is_loopback or address.is_unspecified)
