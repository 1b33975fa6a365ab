"""Linearizable reads."""

from aether.core.model.ids import NodeId
from aether.core.raft.messages import Append, AppendAnswer, ReadAnswer, ReadRequest
from aether.core.raft.values import Read
from tests.raft_world import Bench


def test_all_reads_that_wait_share_one_round() -> None:
    bench = Bench()
    bench.lead()
    for context in (1, 2):
        bench.raft.read(context, bench.now)
    bench.take()
    assert bench.out == []  # nothing of this term is committed yet
    bench.accept("b", 1)
    rounds = {m.round for _, m in bench.out if isinstance(m, Append)}
    assert len(rounds) == 1
    bench.raft.read(3, bench.now)
    assert bench.take().reads == ()  # an older answer proves nothing
    bench.raft.receive(NodeId("b"), answer(bench, rounds.pop()), bench.now)
    assert bench.take().reads == (Read(1, 1), Read(2, 1))


def answer(bench: Bench, round_: int) -> AppendAnswer:
    return AppendAnswer(bench.raft.term, round_, True, 1, 1, 0)


def following() -> Bench:
    bench = Bench()
    bench.tell("b", Append(1, 1, 0, 0, 0, (), 0))
    return bench


def test_a_follower_asks_its_leader_once_for_all() -> None:
    bench = following()
    bench.raft.read(1, bench.now)
    bench.raft.read(2, bench.now)
    bench.take()
    ((node, request),) = bench.out
    assert isinstance(request, ReadRequest)
    assert node == "b"
    bench.raft.read(3, bench.now)
    bench.take()
    assert bench.out == []  # one request at a time
    bench.raft.receive(NodeId("b"), ReadAnswer(1, request.context - 1, 9), bench.now)
    bench.raft.receive(NodeId("c"), ReadAnswer(1, request.context, 9), bench.now)
    assert bench.take().reads == ()
    bench.raft.receive(NodeId("b"), ReadAnswer(1, request.context, 7), bench.now)
    assert bench.take().reads == (Read(1, 7), Read(2, 7))


def test_reads_are_given_back_when_the_answer_stays_out_or_nobody_leads() -> None:
    bench = following()
    bench.raft.read(1, bench.now)
    bench.take()
    bench.wait(1.0)
    assert bench.take().reads == (Read(1, None),)
    bench.wait(3.0)
    bench.raft.read(2, bench.now)
    assert bench.take().reads == (Read(2, None),)


def test_who_does_not_lead_says_so() -> None:
    assert following().tell("c", ReadRequest(1, 5)) == [ReadAnswer(1, 5, -1)]
