from collections.abc import Collection
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether.core.model.ids import NodeId
from aether.store.native import handshake
from aether.store.native.handshake import Denial, Denied, Hello, Introduction, Welcome

ME = Introduction(
    cluster_id="one", node=NodeId("node-1"), incarnation="a", address="127.0.0.1:6101"
)
PEER = Hello("one", "node-2", "node-1", "b", 1, "127.0.0.1:6102")


def test_a_hello_is_read_as_it_was_said() -> None:
    assert handshake.decode_hello(handshake.encode(PEER)) == PEER
    assert handshake.check_hello(PEER, ME, None) == "node-2"
    assert handshake.check_hello(PEER, ME, {"node-2"}) == "node-2"


@pytest.mark.parametrize(
    ("hello", "named", "code"),
    [
        (Hello("two", "node-2", "node-1", "b", 1, ""), None, "wrong_cluster"),
        (Hello("one", "node-2", "node-3", "b", 1, ""), None, "wrong_node"),
        (Hello("one", "node-1", "node-1", "b", 1, ""), None, "wrong_node"),
        (PEER, {"node-3"}, "wrong_certificate"),
        (PEER, (), "wrong_certificate"),
    ],
)
def test_who_does_not_belong_here_is_told_why(
    hello: Hello, named: Collection[str] | None, code: str
) -> None:
    with pytest.raises(Denied) as denied:
        handshake.check_hello(hello, ME, named)
    assert denied.value.code == code


def test_another_protocol_is_named_whatever_follows_it() -> None:
    with pytest.raises(Denied, match="it speaks protocol 2, not 1") as denied:
        handshake.decode_hello(handshake.MAGIC + b"\x02whatever it has become")
    assert denied.value.code == "wrong_protocol"


@pytest.mark.parametrize(
    "hello",
    [
        Hello("one", "../../etc", "node-1", "b", 1, ""),
        Hello("one", "node-2", "", "b", 1, ""),
        Hello("one", "node-2", "node-1", "b", 1, "h" * 301),
    ],
)
def test_a_hello_with_impossible_fields_is_malformed(hello: Hello) -> None:
    with pytest.raises(Denied) as denied:
        handshake.decode_hello(handshake.encode(hello))
    assert denied.value.code == "malformed"


def test_only_a_welcome_of_the_one_dialled_is_one() -> None:
    handshake.check_answer(handshake.encode(Welcome("node-2")), NodeId("node-2"))
    with pytest.raises(Denied, match="node-3 answers at the address of node-2"):
        handshake.check_answer(handshake.encode(Welcome("node-3")), NodeId("node-2"))


def test_a_denial_is_read_from_a_member_of_any_protocol() -> None:
    said = bytearray(handshake.encode(Denial("wrong_protocol", "I speak 9")))
    said[len(handshake.MAGIC)] = 9
    with pytest.raises(Denied, match="it refuses: I speak 9") as denied:
        handshake.check_answer(bytes(said), NodeId("node-2"))
    assert denied.value.code == "wrong_protocol"


def test_tls_is_told_by_its_first_bytes() -> None:
    foreign = handshake.foreign(b"\x16\x03\x01\x02\x00")
    assert foreign is not None
    assert foreign.code == "tls_unexpected"
    assert handshake.foreign(b"\x00\x00\x00\x40AeRaft") is None


@given(st.binary(max_size=200))
def test_any_bytes_are_denied_or_a_hello(data: bytes) -> None:
    for body in (data, handshake.encode(PEER)[:8] + data):
        with suppress(Denied):
            assert isinstance(handshake.decode_hello(body), Hello)
        with pytest.raises(Denied):
            handshake.check_answer(body, NodeId("node-9"))
