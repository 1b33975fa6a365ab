"""Whoever is asked, the leader decides; what it refuses for a while is handed to it again."""

from aether.core.model.ids import NodeId
from aether.store.native.forwarding import MOST_FORWARDED
from aether.store.native.packets import Forward, ForwardAnswer
from aether.store.native.results import Applied, Refused, Unknown
from tests.unit.store_native.native_rig import Group


def test_forwards_are_bounded_and_keep_their_order() -> None:
    group = Group()
    group.elect()
    follower = group.others()[0]
    commands = [b"%d" % number for number in range(3 * MOST_FORWARDED)]
    commands += [bytes(400_000)] * 4
    group.put(follower, commands)
    forwards = [packet for _, _, packet in group.sent if isinstance(packet, Forward)]
    assert max(len(packet.commands) for packet in forwards) == MOST_FORWARDED
    assert all(sum(map(len, packet.commands)) <= 1_048_576 for packet in forwards)
    assert group.commands(follower) == commands


def test_a_lost_answer_is_unknown_at_the_deadline() -> None:
    group = Group()
    group.elect()
    follower = group.others()[0]
    group.drop = lambda packet: isinstance(packet, ForwardAnswer)
    (ask,) = group.put(follower, [b"x"], timeout_s=1.0)
    assert isinstance(ask.result, Unknown)
    assert group.commands(follower) == [b"x"]


def test_a_stranger_and_a_member_that_was_removed_are_refused() -> None:
    group = Group()
    group.elect()
    leader = group.leader_name()
    group[leader].receive(NodeId("z"), Forward(1, (b"x",)), group.now)
    answers = [packet for _, to, packet in group.sent if to == "z"]
    assert [type(packet) for packet in answers] == [ForwardAnswer]
    assert isinstance(answers[0], ForwardAnswer)
    assert answers[0].code == "unknown_member"
    group.run_for(0.1)
    assert group.commands(leader) == []


def test_what_a_former_leader_refuses_reaches_the_next_one() -> None:
    group = Group()
    group.elect()
    old, follower = group.leader_name(), group.others()[0]
    group.isolate(old)
    group.run(lambda: group.leader_name() not in ("", old))
    asks = [group.submit(name, name.encode(), 10.0) for name in group.replicas if name != old]
    group.run(lambda: all(ask.is_done for ask in asks))
    assert all(isinstance(ask.result, Applied) for ask in asks)
    del follower


def test_answers_to_a_former_life_fit_no_request_of_this_one() -> None:
    group = Group()
    group.elect()
    follower, leader = group.others()[0], group.leader_name()
    group.drop = lambda packet: isinstance(packet, ForwardAnswer)
    group.submit(follower, b"first")
    group.run_for(0.01)
    old = next(packet for _, _, packet in reversed(group.sent) if isinstance(packet, Forward))
    group.kill(follower)
    group.start(follower)
    group.run(lambda: group[follower].leader == leader)
    ask = group.submit(follower, b"second", 1.0)
    group.step()
    forged = ForwardAnswer(old.seq, 1, 1)
    group[follower].receive(NodeId(leader), forged, group.now)
    group.run(lambda: ask.is_done)
    assert isinstance(ask.result, Unknown)


def test_a_command_that_waited_too_long_for_any_leader_is_refused() -> None:
    group = Group()
    ask = group.submit("a", b"x", timeout_s=0.01)
    group.run(lambda: ask.is_done)
    assert ask.result == Refused("no_leader", "no leader took it before the deadline")
