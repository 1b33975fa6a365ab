"""Expectations compare what is with what was written, and say what is otherwise."""

import pytest

from aether.core.model.ids import NodeId
from aether_forge.sim.control.expectations import Expect, unkept
from aether_forge.sim.control.goods import MAIL
from aether_forge.sim.control.traffic import Failed
from aether_forge.sim.control.world import World
from tests.unit.sim_control.small import in_a_world


def test_what_is_as_expected_and_what_is_not() -> None:
    async def story(world: World) -> None:
        mail = len(world.view().active_by_slice()[MAIL])
        world.traffic.failed = [Failed(4.0, NodeId("node-1"), MAIL, "as the test says")]
        kept = [
            Expect(by=1, met=True, state="DEPLOYED"),
            Expect(by=1, node="node-1", verdict="ON_DUTY", at_most=99),
            Expect(by=1, slice="mail", active=mail, instances=mail, version="1.0.0", parked=0),
            Expect(by=3, failed_requests=0),
            Expect(by=9, failed_requests=1),
        ]
        assert [unkept(one, world, 0.0) for one in kept] == [""] * len(kept)
        broken = {
            "all targets are met": Expect(by=1, met=False),
            "the blueprint is DEPLOYED": Expect(by=1, state="FAILED"),
            "node-1 is ON_DUTY": Expect(by=1, node="node-1", verdict="LOST"),
            "node-1 hosts": Expect(by=1, node="node-1", at_most=0),
            f"{MAIL} has {mail} ACTIVE": Expect(by=1, slice="mail", at_least=mail + 1),
            f"{MAIL} serves with 1.0.0": Expect(by=1, slice="mail", version="2.0.0"),
            "1 requests failed, the first to": Expect(by=9, since=2, failed_requests=0),
        }
        for says, expect in broken.items():
            assert unkept(expect, world, 0.0).startswith(says)

    assert in_a_world(story).violations == []


@pytest.mark.parametrize(
    ("expect", "text"),
    [
        (Expect(by=9, met=True), "by 9 s: met True"),
        (Expect(by=9, since=1, slice="shop", active=2), "from 1 to 9 s: slice shop, active 2"),
    ],
)
def test_an_expectation_reads_like_a_sentence(expect: Expect, text: str) -> None:
    assert str(expect) == text
