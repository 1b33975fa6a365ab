"""Two connections after a switch of protocols, both played by the test."""

import pytest

from aether.core.dataplane.balance import Outcome
from aether.dataplane.tunnel import Tunnel
from aether.dataplane.upstream import UpstreamConnection
from tests.unit.dataplane.fakes import Asker, Transport


class Opened:
    """A tunnel, its two ends, and how it ended."""

    def __init__(self) -> None:
        self.now = 100.0
        self.client = Asker()
        self.connection = UpstreamConnection("/s", 1000, lambda _: None)
        self.transport = Transport()
        self.connection.connection_made(self.transport)
        self.outcomes: list[Outcome] = []
        self.tunnel = Tunnel(
            self.client, self.connection, 5.0, lambda: self.now, self.outcomes.append
        )
        self.connection.receiver = self.tunnel


def test_bytes_go_both_ways_and_push_the_deadline() -> None:
    opened = Opened()
    assert opened.client.deadline == 105.0
    opened.now = 103.0
    opened.tunnel.received(b"up")
    assert opened.client.deadline == 108.0
    opened.now = 104.0
    opened.tunnel.more(opened.connection, b"down", done=False)
    assert opened.client.deadline == 109.0
    assert (opened.transport.written, opened.client.written) == (b"up", b"down")
    assert (opened.tunnel.bytes_in, opened.tunnel.bytes_out) == (2, 4)


def test_a_slow_side_holds_the_other() -> None:
    opened = Opened()
    opened.tunnel.hold(held=True)
    assert opened.transport.is_reading_held
    opened.tunnel.hold(held=False)
    assert not opened.transport.is_reading_held
    opened.connection.pause_writing()
    assert opened.client.is_body_held
    opened.connection.resume_writing()
    assert not opened.client.is_body_held


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        ("client", Outcome.OK),
        ("silence", Outcome.OK),
        ("instance", Outcome.OK),
        ("loss", Outcome.FAILED),
    ],
)
def test_either_end_ends_both_once(end: str, outcome: Outcome) -> None:
    opened = Opened()
    tunnel, connection = opened.tunnel, opened.connection
    if end == "client":
        tunnel.client_lost()
    elif end == "silence":
        tunnel.expire()
        assert opened.client.is_aborted
    elif end == "instance":
        tunnel.more(connection, b"last", done=True)
        assert (opened.client.written, opened.client.is_closed) == (b"last", True)
    else:
        tunnel.lost(connection, "reset")
        assert opened.client.is_closed
    assert opened.transport.is_closing()
    tunnel.client_lost()
    tunnel.received(b"late")
    tunnel.hold(held=True)
    assert opened.outcomes == [outcome]
    assert opened.transport.written == b""
