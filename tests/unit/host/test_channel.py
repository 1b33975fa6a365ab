import os
import socket
from collections.abc import Iterator

import pytest

from aether.frames import HEADER, FrameError, pack
from aether.host import channel as module
from aether.host.channel import Channel

Pair = tuple[Channel, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    made = Channel(ours)
    yield made, theirs
    made.close()
    theirs.close()


def test_messages_come_whole_however_they_are_cut(pair: Pair) -> None:
    channel, peer = pair
    raw = pack({"a": 1}) + pack({"b": b"\x00" * 10})
    got: list[object] = []
    for byte in raw:
        peer.send(bytes([byte]))
        got += channel.receive() or []
    assert got == [{"a": 1}, {"b": b"\x00" * 10}]
    peer.send(raw)
    assert len(channel.receive() or []) == 2
    assert channel.receive() == []


def test_the_end_of_the_stream_is_none(pair: Pair) -> None:
    channel, peer = pair
    peer.close()
    assert channel.receive() is None


@pytest.mark.parametrize(
    "raw", [HEADER.pack(2**31), HEADER.pack(1) + b"\xc1", HEADER.pack(9_000) + b"\x91" * 9_000]
)
def test_what_is_no_frame_is_an_error(pair: Pair, raw: bytes) -> None:
    channel, peer = pair
    peer.send(raw)
    with pytest.raises(FrameError):
        channel.receive()


def test_what_the_peer_does_not_take_waits_up_to_a_limit(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel, peer = pair
    channel.send({"data": b"x" * 4_000_000})
    assert channel.wants_to_write
    assert channel.is_full
    received = 0
    while channel.wants_to_write:
        received += len(peer.recv(1_000_000))
        channel.flush()
    assert received > 3_000_000
    assert not channel.is_full
    monkeypatch.setattr(module, "MAX_UNSENT_BYTES", 1000)
    with pytest.raises(FrameError, match="does not read"):
        channel.send({"data": b"x" * 2000})


def test_the_kernel_says_who_is_there(pair: Pair) -> None:
    assert pair[0].peer_pid() == os.getpid()
