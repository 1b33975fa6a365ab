"""How the sockets between members are set: no delay, and a peer that fell silent is noticed."""

import socket

SILENT_S = 3
"""A peer whose host answers nothing for so long loses its connection."""


def prepare(connection: socket.socket) -> None:
    """Set the options of a connection between members.

    The user time-out ends a connection whose bytes are not acknowledged, or whose receiver takes
    none, for SILENT_S; keepalive asks when there is nothing to send.
    """
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, max(1, SILENT_S - 1))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_S * 1000)


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of `host:port` or `[host]:port`; raises ValueError for another form."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{address!r} is not an address: expected host:port")
    return host.strip("[]"), int(port)
