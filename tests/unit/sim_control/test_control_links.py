"""Reports between simulated machines: cut, broken, and heard late by who stood still."""

from random import Random

import pytest

from aether.core.model.ids import NodeId
from aether.errors import Unavailable
from aether.proto.v1 import cluster_pb2 as pb
from aether_forge.sim.control.links import Ear, Links, LinkWeather
from aether_forge.sim.loop import let_pass
from aether_forge.sim.owners import Owner, run_owned

N1, N2, N3 = NodeId("n1"), NodeId("n2"), NodeId("n3")
REPORT = pb.NodeReport(node="n1", incarnation="life-1")


def links(weather: LinkWeather | None = None) -> Links:
    return Links(Random(1), weather or LinkWeather())


def listening(at: Links, node: NodeId, owner: Owner) -> list[tuple[NodeId, str]]:
    heard: list[tuple[NodeId, str]] = []
    at.ears[node] = Ear(owner, lambda sender, life: heard.append((sender, life)))
    return heard


def test_a_report_arrives_and_a_cut_swallows_it() -> None:
    async def story() -> None:
        world = links()
        heard = listening(world, N2, Owner("n2"))
        async with world.link_of(N1).report_stream(N2) as stream:
            await stream.write(REPORT)
            await let_pass(1.0)
            assert heard == [(N1, "life-1")]
            world.cut({N2, N3})
            assert world.passes(N2, N3)
            await stream.write(REPORT)
            await let_pass(1.0)
            assert len(heard) == 1
            world.heal()
            await stream.write(REPORT)
            await let_pass(1.0)
        assert len(heard) == 2

    run_owned(story())


def test_who_stands_still_loses_what_came_meanwhile_when_its_stream_ends() -> None:
    async def story() -> None:
        world, owner = links(LinkWeather(overflows=1.0)), Owner("n2")
        heard = listening(world, N2, owner)
        owner.freeze()
        async with world.link_of(N1).report_stream(N2) as stream:
            await stream.write(REPORT)
            await let_pass(1.0)
            assert stream.done()
            owner.thaw()
            await let_pass(5.0)
        assert heard == []

    run_owned(story())


def test_who_stands_still_hears_when_he_goes_on_after_all_that_was_due() -> None:
    async def story() -> None:
        world, owner = links(LinkWeather(overflows=0.0)), Owner("n2")
        heard = listening(world, N2, owner)
        owner.freeze()
        async with world.link_of(N1).report_stream(N2) as stream:
            await stream.write(REPORT)
            await let_pass(5.0)
            assert heard == []
            owner.thaw()
            await let_pass(1.0)
        assert len(heard) == 1

    run_owned(story())


def test_a_stream_ends_with_the_life_at_its_end_or_when_it_breaks() -> None:
    async def story() -> None:
        world = links(LinkWeather(breaks=1.0))
        listening(world, N2, Owner("n2"))
        async with world.link_of(N1).report_stream(N2) as stream:
            assert not stream.done()
            with pytest.raises(Unavailable):
                await stream.write(REPORT)
            assert stream.done()
        world.weather.breaks = 0.0
        async with world.link_of(N1).report_stream(N2) as stream:
            listening(world, N2, Owner("n2"))
            assert stream.done()
            with pytest.raises(Unavailable):
                await stream.write(REPORT)

    run_owned(story())
