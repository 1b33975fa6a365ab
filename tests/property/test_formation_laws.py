"""Laws of forming a cluster, over random schedules of messages, losses, delays and restarts."""

import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.agent import formation
from aether.core.agent.formation_state import (
    Accepted,
    FormationState,
    Formed,
    Join,
    KnownNode,
    Proposal,
    Propose,
    Refused,
    Start,
)
from aether.core.model.ids import NodeId


def known(number: int) -> KnownNode:
    return KnownNode(NodeId(f"node-{number}"), f"h:{6000 + number}", f"h:{6100 + number}")


@dataclass
class World:
    """Nodes, the clusters founded, and what is on the nodes' disks."""

    expects: list[int]
    joins_others: list[bool]
    now: float = 100.0
    states: list[FormationState] = field(default_factory=list)
    founded: dict[str, Formed] = field(default_factory=dict)
    members_now: dict[str, set[NodeId]] = field(default_factory=dict)
    acceptances: dict[str, set[NodeId]] = field(default_factory=dict)
    started: dict[NodeId, str] = field(default_factory=dict)
    counter: int = 0

    def __post_init__(self) -> None:
        for number in range(len(self.expects)):
            self.states.append(self.fresh(number))

    def fresh(self, number: int, before: FormationState | None = None) -> FormationState:
        state = formation.begin(
            known(number),
            expect=self.expects[number],
            joins_others=self.joins_others[number],
            promised=before.promised if before else None,
            now=self.now,
        )
        if before and before.formed:
            return formation.enter(state, before.formed)
        return state

    def announce(self, a: int, b: int, *, answered: bool) -> None:
        message = formation.announcement(self.states[a], self.now)
        self.states[b], refused = formation.hear(self.states[b], message, self.now)
        assert refused is None
        if answered:
            answer = formation.announcement(self.states[b], self.now)
            self.states[a], refused = formation.hear(self.states[a], answer, self.now)
            assert refused is None

    def deliver_proposal(self, a: int, b: int, *, answered: bool) -> None:
        proposal = self.states[a].proposing
        if proposal is None or known(b) not in proposal.members or a == b:
            return
        self.states[b], answer = formation.consider(self.states[b], proposal, self.now)
        if isinstance(answer, Accepted) and answered:
            self.acceptances.setdefault(proposal.cluster_id, set()).add(known(b).node)

    def step(self, number: int) -> None:
        state = self.states[number]
        if state.formed is not None:
            return
        if state.proposing is not None:
            accepted = frozenset(self.acceptances.get(state.proposing.cluster_id, set()))
            self.states[number], formed = formation.conclude(state, accepted, self.now)
            if formed is not None:
                self.founded[formed.cluster_id] = formed
                self.members_now[formed.cluster_id] = {m.node for m in formed.members}
                self.started[known(number).node] = formed.cluster_id
            return
        match formation.next_step(state, self.now):
            case Propose(members):
                self.counter += 1
                cluster_id = f"c{self.counter}"
                self.states[number] = formation.propose(state, members, cluster_id, self.now)
            case Start(formed):
                self.states[number] = formation.enter(state, formed)
                self.started[known(number).node] = formed.cluster_id
            case Join(formed):
                self.members_now[formed.cluster_id].add(known(number).node)
                self.states[number] = formation.enter(state, formed)
                self.started[known(number).node] = formed.cluster_id
            case _:
                pass

    def check(self) -> None:
        clusters = list(self.members_now.items())
        for i, (one, members) in enumerate(clusters):
            for other, others in clusters[i + 1 :]:
                assert not members & others, f"{one} and {other} share {members & others}"
        for node, cluster_id in self.started.items():
            assert cluster_id in self.founded
            assert node in self.members_now[cluster_id]
        for state in self.states:
            formed = state.formed
            if formed is not None and known_in_founding(self, formed, state.me):
                assert formed == self.founded[formed.cluster_id]


def known_in_founding(world: World, formed: Formed, me: KnownNode) -> bool:
    return me in world.founded[formed.cluster_id].members


Action = tuple[str, int, int]
"""What happens, to which node, and a number whose bits choose the peers it happens with."""

KINDS = ("meet",) * 3 + ("found",) * 4 + ("step", "deliver", "wait", "restart")
WAITS = (0.5, 2.5, 4.0, 6.0, 20.0, 40.0)


def carry_out(world: World, action: Action) -> None:  # noqa: C901 - one case for each kind of action
    kind, a, bits = action
    peers = [b for b in range(len(world.states)) if b != a and bits >> b & 1]
    match kind:
        case "meet":
            for b in peers:
                world.announce(a, b, answered=bool(bits >> 6 & 1))
        case "found":
            world.step(a)
            for b in peers:
                world.deliver_proposal(a, b, answered=True)
            if bits >> 6 & 1:
                world.step(a)
        case "deliver":
            for b in peers:
                world.deliver_proposal(a, b, answered=bool(bits >> 6 & 1))
        case "step":
            world.step(a)
        case "wait":
            world.now += WAITS[bits % len(WAITS)]
        case "restart":
            world.states[a] = world.fresh(a, world.states[a])


@st.composite
def stories(draw: st.DrawFn) -> tuple[World, list[Action]]:
    """Play dice for a story: drawn choice by choice, most stories end before anybody found a cluster."""
    dice = random.Random(draw(st.integers(0, 2**32 - 1)))
    size = dice.randint(3, 6)
    expects = [dice.choice((2, 3, 2, 3, 1)) for _ in range(size)]
    joins = [dice.random() < 0.5 for _ in range(size)]
    schedule = [
        (dice.choice(KINDS), dice.randrange(size), dice.randrange(128))
        for _ in range(dice.randint(10, 60))
    ]
    return World(expects, joins), schedule


@settings(max_examples=800, deadline=None)
@given(stories())
def test_no_two_clusters_ever_share_a_member(
    story: tuple[World, list[Action]],
) -> None:
    world, schedule = story
    for action in schedule:
        carry_out(world, action)
        world.check()


@settings(max_examples=100, deadline=None)
@given(stories())
def test_once_all_reach_each_other_all_but_strays_are_in_a_cluster(
    story: tuple[World, list[Action]],
) -> None:
    world, schedule = story
    size = len(world.states)
    world.expects = [min(3, size)] * size
    world.joins_others = [True] * size
    world.states = [world.fresh(number) for number in range(size)]
    for action in schedule:
        carry_out(world, action)
    for _ in range(30):
        everyone_talks_and_steps(world)
    world.check()
    assert all(state.formed is not None for state in world.states)


def everyone_talks_and_steps(world: World) -> None:
    size = len(world.states)
    for a in range(size):
        for b in range(size):
            if a != b:
                world.announce(a, b, answered=True)
    for number in range(size):
        world.step(number)
        if world.states[number].proposing is not None:
            for b in range(size):
                world.deliver_proposal(number, b, answered=True)
            world.step(number)
    world.now += 1.0


@given(st.permutations(range(5)), st.integers(1, 5))
def test_founding_members_are_the_lowest_ids_in_whatever_order_nodes_meet(
    order: list[int], expect: int
) -> None:
    world = World([expect] * 5, [True] * 5)
    for a in order:
        for b in order:
            world.announce(a, b, answered=True)
    for number in order:
        step = formation.next_step(world.states[number], world.now)
        if number == 0 and expect > 1:
            assert step == Propose(tuple(known(n) for n in range(expect)))
        else:
            assert not isinstance(step, Propose)


@given(st.sets(st.integers(0, 8), min_size=1), st.integers(0, 8))
def test_a_node_in_a_cluster_refuses_every_founding(numbers: set[int], me: int) -> None:
    members = tuple(sorted(known(n) for n in numbers | {me}))
    state = formation.begin(known(me), expect=3, joins_others=True, promised=None, now=1.0)
    state = formation.enter(state, Formed("mine", (known(me),)))
    proposal = Proposal(members[0].node, "other", members)
    after, answer = formation.consider(state, proposal, 2.0)
    assert isinstance(answer, Refused)
    assert "is in cluster mine" in answer.reason
    assert after.formed == state.formed
