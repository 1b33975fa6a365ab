import socket
import threading
from collections.abc import Iterator

import pytest

from aether.forecast.packing import Answer, Packed
from aether.forecast.wire import MOST_BYTES, WireBroken, receive, send

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    one.settimeout(10)
    other.settimeout(10)
    with one, other:
        yield one, other


def test_messages_come_as_they_were_sent_also_large_ones(pair: Pair) -> None:
    sent = [Packed((1,), b"x" * 3_000_000, b""), Answer((1, 2), b"abc", 0.5), b"model"]

    def send_all() -> None:
        for one in sent:
            send(pair[0], one)

    thread = threading.Thread(target=send_all)
    thread.start()
    assert [receive(pair[1], type(one)) for one in sent] == sent
    thread.join()


def test_an_end_that_is_gone_or_silent_is_told_from_an_answer(pair: Pair) -> None:
    pair[1].settimeout(0.01)
    with pytest.raises(WireBroken, match="no answer"):
        receive(pair[1], Answer)
    pair[0].close()
    with pytest.raises(WireBroken, match="is gone"):
        receive(pair[1], Answer)
    with pytest.raises(WireBroken, match="not sent"):
        send(pair[1], Answer())


@pytest.mark.parametrize(
    ("rubbish", "why"),
    [
        ((MOST_BYTES + 1).to_bytes(4, "big"), "a message of"),
        (b"\0\0\0\3abc", "not understood"),
        (b"\0\0\0\1\xc1", "not understood"),
    ],
)
def test_what_is_no_message_is_refused(pair: Pair, rubbish: bytes, why: str) -> None:
    pair[0].sendall(rubbish)
    with pytest.raises(WireBroken, match=why):
        receive(pair[1], Answer)
