from pysyncobj import FAIL_REASON

from aether.store.pysyncobj.commands import Membership, Regular
from aether.store.pysyncobj.members import Voter
from aether.store.pysyncobj.membership import MembershipGate
from aether.store.pysyncobj.messages import Forward, Forwarded, ForwardRefused

ME, PEER, OTHER = (Voter(f"node-{n}@127.0.0.1:610{n}") for n in (1, 2, 3))
ADD = Membership("add", "node-4@127.0.0.1:6104")


class Leader:
    def __init__(self) -> None:
        self.applied = 10
        self.asked: list[Voter] = []
        self.gate = MembershipGate(ME, lambda: self.applied, self.asked.append)


def test_one_change_at_a_time_until_it_is_applied() -> None:
    leader = Leader()
    assert leader.gate.refuses(PEER, Forward(ADD, 1)) is None
    assert leader.gate.refuses(OTHER, Forward(ADD, 1)) == FAIL_REASON.REQUEST_DENIED
    leader.gate.answered(OTHER, Forwarded(1, 5, 1))
    assert leader.gate.busy
    leader.gate.answered(PEER, Forwarded(1, 12, 1))
    assert leader.gate.busy
    leader.applied = 12
    assert not leader.gate.busy
    assert leader.gate.refuses(OTHER, Forward(ADD, 2)) is None


def test_a_refused_change_leaves_the_way_free() -> None:
    leader = Leader()
    assert leader.gate.refuses(PEER, Forward(ADD, 1)) is None
    leader.gate.answered(PEER, ForwardRefused(1, 6))
    assert not leader.gate.busy


def test_a_change_proposed_here_counts() -> None:
    leader = Leader()
    leader.gate.local = True
    assert leader.gate.refuses(PEER, Forward(ADD, 1)) == FAIL_REASON.REQUEST_DENIED


def test_other_commands_pass() -> None:
    leader = Leader()
    leader.gate.local = True
    assert leader.gate.refuses(PEER, Forward(Regular(b""), 1)) is None


def test_who_removes_the_leader_leads() -> None:
    leader = Leader()
    forward = Forward(Membership("rem", ME.id), 1)
    assert leader.gate.refuses(PEER, forward) == FAIL_REASON.NOT_LEADER
    assert leader.asked == [PEER]
    assert not leader.gate.busy
