"""Checkpoints go to everybody; a member that a majority contradicts is told so."""

from types import SimpleNamespace
from typing import cast

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Members, Peer
from aether.store.native.applying import Applying
from aether.store.native.checkpoints import Checkpoints
from aether.store.native.comparing import Comparing
from aether.store.native.packets import Checkpoint, Packet

A, B, C, D = (NodeId(name) for name in "abcd")
MEMBERS = Members(tuple(Peer(node, f"{node}:1") for node in (A, B, C)), (Peer(D, "d:1"),))
APPLYING = cast("Applying", SimpleNamespace(raft=SimpleNamespace(members=MEMBERS), members=MEMBERS))


def test_all_others_are_told_and_a_majority_is_believed() -> None:
    sent: list[tuple[NodeId, Packet]] = []
    reasons: list[str] = []
    checkpoints = Checkpoints(A, 10)
    comparing = Comparing(A, checkpoints, lambda *each: sent.append(each), reasons.append)
    checkpoints.own(10, b"mine")
    comparing.tell(APPLYING, 10, b"mine")
    assert sent == [(node, Checkpoint(10, b"mine")) for node in (B, C, D)]
    comparing.take(APPLYING, D, Checkpoint(10, b"theirs"))
    comparing.take(APPLYING, B, Checkpoint(10, b"theirs"))
    assert reasons == [], "one voter and a learner are no majority"
    comparing.take(APPLYING, C, Checkpoint(10, b"theirs"))
    assert reasons == ["its state after entry 10 differs from that of a majority"]
