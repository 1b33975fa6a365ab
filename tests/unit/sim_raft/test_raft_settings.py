"""A seed says how a run is."""

from aether.core.model.ids import NodeId
from aether_forge.sim.raft.settings import draw, planned


def test_equal_seeds_draw_equal_settings() -> None:
    assert repr(draw(3)) == repr(draw(3))
    assert {draw(seed).nodes for seed in range(30)} == {3, 5}
    assert draw(3, 7).nodes == 7


def test_kinds_restrict_the_plan() -> None:
    settings = draw(3)
    settings.kinds = ("kill",)
    assert {fault.kind for fault in planned(settings)} == {"kill"}


def test_a_joining_member_is_told_nobody() -> None:
    assert draw(1).spec(NodeId("n9"), []).members == []
