"""Laws of the copies of artifacts, with nodes that look in any order and see each other's writes late."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from aether.core.agent.copies import COPIES, CopyQuestion, CopyStep, decide, rank
from aether.core.model.ids import NodeId

DIGEST = "ab" * 32
NODES = tuple(NodeId(f"n{number}") for number in range(7))


@dataclass
class World:
    """One wheel: on whose disks it is, and whom the record lists."""

    on_duty: tuple[NodeId, ...]
    disks: set[NodeId]
    holders: tuple[NodeId, ...]
    writes: int = 0
    taken: int = 0
    lost_the_last: bool = False

    def look(self, node: NodeId, seen: tuple[NodeId, ...]) -> bool:
        """Have a node act on the record it has seen; return whether anything was done."""
        step = decide(
            CopyQuestion(
                me=node,
                digest=DIGEST,
                holders=seen,
                staying=self.on_duty,
                on_duty=self.on_duty,
                is_here=node in self.disks,
            )
        )
        if step is CopyStep.TAKE and self.disks:
            self.disks.add(node)
            self.taken += 1
        if step is CopyStep.NOTHING or seen != self.holders or not self.disks:
            return step is CopyStep.TAKE and bool(self.disks)
        others = tuple(holder for holder in self.holders if holder != node)
        if step is CopyStep.LEAVE:
            self.lost_the_last |= node in self.disks
            self.holders = others
        else:
            self.holders = (*others, node)
        self.writes += 1
        return True


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Some nodes on duty, some with the wheel, and a record that may be wrong about them."""
    on_duty = tuple(sorted(draw(st.sets(st.sampled_from(NODES), min_size=1))))
    disks = draw(st.sets(st.sampled_from(on_duty), min_size=1))
    holders = draw(st.permutations(NODES).flatmap(lambda p: st.integers(0, 7).map(lambda n: p[:n])))
    return World(on_duty, set(disks), tuple(holders))


def settle(world: World, order: st.DataObject) -> None:
    """Let nodes look, in rounds of any order, until none does anything."""
    for _ in range(40):
        stale = world.holders
        busy = False
        for node in order.draw(st.permutations(world.on_duty)):
            late = order.draw(st.booleans())
            busy |= world.look(node, stale if late else world.holders)
        if not busy:
            return
    raise AssertionError("it does not come to rest")


@given(worlds(), st.data())
def test_there_come_to_be_as_many_copies_as_nodes_allow(world: World, data: st.DataObject) -> None:
    settle(world, data)
    while any(world.look(node, world.holders) for node in world.on_duty):
        pass
    good = set(world.holders) & world.disks & set(world.on_duty)
    assert len(good) >= min(COPIES, len(world.on_duty))


@given(worlds(), st.data())
def test_no_copy_is_ever_given_up(world: World, data: st.DataObject) -> None:
    before = set(world.disks)
    settle(world, data)
    assert before <= world.disks
    assert not world.lost_the_last


@given(worlds(), st.data())
def test_at_rest_it_stays_at_rest(world: World, data: st.DataObject) -> None:
    settle(world, data)
    while any(world.look(node, world.holders) for node in world.on_duty):
        pass
    writes, taken = world.writes, world.taken
    for node in data.draw(st.permutations(world.on_duty)):
        assert not world.look(node, world.holders)
    assert (world.writes, world.taken) == (writes, taken)


@given(worlds(), st.data())
def test_no_more_copies_are_made_than_lack(world: World, data: st.DataObject) -> None:
    good = set(world.holders) & world.disks & set(world.on_duty)
    lacking = min(COPIES, len(world.on_duty)) - len(good)
    for _ in range(10):
        for node in data.draw(st.permutations(world.on_duty)):
            world.look(node, world.holders)
    assert world.taken <= max(0, lacking)


@given(st.sets(st.sampled_from(NODES), min_size=2), st.sampled_from(NODES))
def test_one_node_less_leaves_the_order_of_the_rest(nodes: set[NodeId], gone: NodeId) -> None:
    before = [node for node in rank(sorted(nodes), DIGEST) if node != gone]
    assert rank(sorted(nodes - {gone}), DIGEST) == before
