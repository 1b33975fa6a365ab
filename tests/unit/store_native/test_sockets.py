import socket

import pytest

from aether.store.native.sockets import SILENT_S, prepare, split_address


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("10.0.0.1:6101", ("10.0.0.1", 6101)),
        ("[::1]:1", ("::1", 1)),
        ("a-host:65535", ("a-host", 65535)),
    ],
)
def test_addresses_are_split(text: str, parts: tuple[str, int]) -> None:
    assert split_address(text) == parts


@pytest.mark.parametrize(
    "text", ["", "host", ":1", "host:", "host:0", "host:65536", "host:x", "host:-1"]
)
def test_what_is_no_address_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        split_address(text)


def test_a_connection_gives_up_a_silent_peer() -> None:
    with socket.socket() as connection:
        prepare(connection)
        tcp = socket.IPPROTO_TCP
        assert connection.getsockopt(tcp, socket.TCP_NODELAY)
        assert connection.getsockopt(tcp, socket.TCP_USER_TIMEOUT) == SILENT_S * 1000
        waits = connection.getsockopt(tcp, socket.TCP_KEEPIDLE) + connection.getsockopt(
            tcp, socket.TCP_KEEPINTVL
        ) * connection.getsockopt(tcp, socket.TCP_KEEPCNT)
        assert waits <= SILENT_S
