"""A node that is added learns first and votes once it has caught up."""

from aether.core.model.ids import NodeId
from aether.core.raft.values import AddLearner, Change, Promote, Remove
from aether.ports import Member
from aether.store.native.additions import Additions
from aether.store.native.results import Applied, Done, Refused, Result, Unknown
from tests.unit.store_native.native_rig import Ask, Group

D = NodeId("d")
LIMITS: dict[str, int] = {
    "snapshot_entries": 100,
    "keep_entries": 10,
    "chunk_bytes": 512,
    "checkpoint_entries": 50,
}


def add(group: Group, name: str, asked: str, *, voter: bool = True) -> Ask:
    ask = Ask()
    member = Member(NodeId(name), f"{name}:1", voter)
    group[asked].add(member, ask.done, group.now + 20, group.now)
    group.run(lambda: ask.is_done, limit_s=25)
    return ask


def voters(group: Group, name: str) -> set[str]:
    return {member.node for member in group[name].status(group.now).members if member.voter}


def test_a_joining_node_becomes_a_voter_with_all_that_was_written() -> None:
    group = Group(limits=LIMITS)
    group.elect()
    for start in range(0, 600, 100):
        group.put("a", [b"%d" % n + bytes(100) for n in range(start, start + 100)])
    joins = group.start("d", joins=True)
    group.run_for(1.0)
    assert joins.leader is None
    ask = add(group, "d", group.others()[0])
    assert isinstance(ask.result, Applied), ask.result
    group.settle()
    assert group.commands("d") == group.commands("a")
    assert voters(group, "d") == voters(group, "a") == set("abcd")
    # Three of four decide: with one of the old ones gone the new one's voice is needed.
    group.kill(next(name for name in group.others() if name != "d"))
    (put,) = group.put("d", [b"more"])
    assert isinstance(put.result, Applied)


def test_a_learner_stays_one_until_it_is_added_as_a_voter() -> None:
    group = Group()
    group.elect()
    group.start("d", joins=True)
    assert isinstance(add(group, "d", "a", voter=False).result, Applied)
    assert voters(group, "a") == set("abc")
    assert isinstance(add(group, "d", "a").result, Applied)
    assert voters(group, "a") == set("abcd")
    assert isinstance(add(group, "d", "a").result, Applied)


def test_a_restarted_learner_remembers_the_group() -> None:
    group = Group()
    group.elect()
    group.start("d", joins=True)
    add(group, "d", "a")
    group.settle()
    group.kill("d")
    group.start("d", joins=True)
    assert voters(group, "d") == set("abcd")
    group.settle()


class Scripted:
    """Answers changes as a test says."""

    def __init__(self, *answers: Result) -> None:
        self.answers = list(answers)
        self.asked: list[Change] = []

    def ask(self, change: Change, done: Done, deadline: float, now: float) -> None:
        self.asked.append(change)
        done(self.answers.pop(0))


def run(scripted: Scripted, until: float = 10.0) -> Ask:
    additions, ask, now = Additions(scripted.ask), Ask(), 0.0
    additions.add(Member(D, "d:1"), ask.done, 5.0, now)
    while not ask.is_done and now < until:
        now = max(now, additions.wake_at)
        additions.step(now)
    return ask


def test_what_lags_or_is_lost_is_tried_again() -> None:
    scripted = Scripted(
        Unknown("lost"), Applied(b""), Refused("lagging", "soon"), Unknown("lost"), Applied(b"")
    )
    assert isinstance(run(scripted).result, Applied)
    assert [type(each) for each in scripted.asked] == [AddLearner] * 2 + [Promote] * 3


def test_what_cannot_heal_ends_it() -> None:
    scripted = Scripted(Refused("pending_change", "another"))
    assert run(scripted).result == Refused("pending_change", "another")


def test_the_deadline_ends_it() -> None:
    scripted = Scripted(Applied(b""), *[Refused("lagging", "it has not caught up")] * 100)
    assert run(scripted).result == Unknown("the deadline passed: it has not caught up")


def test_closing_ends_it_once() -> None:
    kept: list[Done] = []
    additions, ask = Additions(lambda _change, done, _deadline, _now: kept.append(done)), Ask()
    additions.add(Member(D, "d:1"), ask.done, 5.0, 0.0)
    additions.close("bye")
    kept[0](Applied(b""))
    assert ask.result == Unknown("bye")


def test_removal_of_members_the_leader_included() -> None:
    group = Group("abcde")
    group.elect()
    first, old = group.others()[0], group.leader_name()
    assert isinstance(group.change(old, Remove(NodeId(first))).result, Applied)
    follower = next(name for name in group.others() if name != first)
    ask = group.change(follower, Remove(NodeId(old)))
    assert isinstance(ask.result, Applied)
    group.kill(first)
    group.run(lambda: group.leader_name() not in ("", old) and group[old].role.value != "leader")
    (put,) = group.put(follower, [b"x"])
    assert isinstance(put.result, Applied)
    assert voters(group, follower) == set("abcde") - {first, old}
    again = group.change(follower, Remove(NodeId(old)))
    assert isinstance(again.result, Applied)
