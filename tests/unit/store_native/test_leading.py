"""Leadership is handed over on request, and what falls due is proposed."""

import pytest

from aether.core.model.ids import NodeId
from aether.store.native.results import Applied, Refused, Unknown
from tests.unit.store_native.native_rig import Ask, Group


def transfer(group: Group, asked: str, target: str | None, timeout_s: float = 5.0) -> Ask:
    ask = Ask()
    to = None if target is None else NodeId(target)
    group[asked].transfer(to, ask.done, group.now + timeout_s, group.now)
    group.run(lambda: ask.is_done, limit_s=timeout_s + 1)
    return ask


def test_leadership_goes_to_the_one_named() -> None:
    group = Group()
    group.elect()
    old, target = group.leader_name(), group.others()[0]
    ask = transfer(group, old, target)
    assert ask.result == Applied(target.encode())
    assert group.leader_name() == target


def test_any_member_may_be_asked_and_anybody_may_be_chosen() -> None:
    group = Group()
    group.elect()
    old, asked = group.leader_name(), group.others()[1]
    ask = transfer(group, asked, None)
    assert isinstance(ask.result, Applied)
    assert ask.result.data.decode() == group.leader_name() != old


def test_a_leader_that_is_named_itself_stays() -> None:
    group = Group()
    group.elect()
    old = group.leader_name()
    term = group.leader().term
    assert transfer(group, group.others()[0], old).result == Applied(old.encode())
    assert group.leader().term == term


def test_a_target_that_does_not_answer_keeps_the_leader() -> None:
    group = Group()
    group.elect()
    old, target = group.leader_name(), group.others()[0]
    group.isolate(target)
    ask = transfer(group, old, target, timeout_s=10.0)
    assert isinstance(ask.result, Refused)
    assert group.leader_name() == old
    (put,) = group.put(old, [b"x"])
    assert isinstance(put.result, Applied)


def test_a_stranger_is_refused() -> None:
    group = Group()
    group.elect()
    ask = transfer(group, group.others()[0], "z")
    assert isinstance(ask.result, Refused)
    assert ask.result.code == "unknown_member"


def test_writes_during_a_handover_succeed() -> None:
    group = Group()
    group.elect()
    asked = group.others()[0]
    ask = Ask()
    group[asked].transfer(None, ask.done, group.now + 5, group.now)
    puts = []
    for number in range(100):
        puts.append(group.submit("abc"[number % 3], b"%d" % number))
        group.step()
    group.run(lambda: ask.is_done and all(put.is_done for put in puts))
    # What the old leader was asked and had not answered may be unknown; nothing is refused.
    assert {type(put.result) for put in puts} <= {Applied, Unknown}
    assert sum(isinstance(put.result, Applied) for put in puts) > 80


def test_without_a_leader_a_transfer_is_refused_at_its_deadline() -> None:
    group = Group()
    group.elect()
    alone = group.others()[0]
    group.isolate(alone)
    group.run(lambda: group[alone].leader is None)
    ask = transfer(group, alone, None, timeout_s=1.0)
    assert ask.result == Refused("no_leader", "the deadline passed")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_transfer_to_whoever_is_furthest_moves_leadership_once(place: int) -> None:
    """Asked again of the new leader, it would move on and on."""
    group = Group(seed=7)
    group.elect()
    group.run_for(0.5)
    asked = [group.leader_name(), *group.others()][place]
    term = group.leader().term
    ask = transfer(group, asked, None)
    assert isinstance(ask.result, Applied)
    group.run_for(1.0)
    assert group.leader().term == term + 1
