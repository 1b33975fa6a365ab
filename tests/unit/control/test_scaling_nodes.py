"""What load asks of the number of nodes: one more when room lacks, one less after long, the leader last."""

from dataclasses import replace

from aether.control.scaling_nodes import ACTOR, NOBODY, kept_text, nodes_on_duty, surplus_of
from aether.core.control.reconcile import reconcile
from aether.core.control.signals import ControlSettings, NodeWish
from aether.core.model.ids import NodeId
from aether.core.model.plan import Provision
from aether.core.model.provision_records import ProvisionedRecord, ProvisionRecord
from aether.core.model.records import (
    ConfigRecord,
    DrainOrder,
    EpochRecord,
    TopologyRecord,
    Verdict,
    VerdictRecord,
)
from aether.core.model.view import ClusterView
from tests.scaling_world import ScalingWorld, load, running, scaled
from tests.worlds import all_heard, nodes

STORM = load(900.0)
IDLE = load(1.0, in_flight=0, concurrency=0.0)
SOON = {("cluster", "scaling.node_idle_s"): ConfigRecord(value=20)}


def provided(*names: str) -> dict[NodeId, ProvisionedRecord]:
    return {NodeId(name): ProvisionedRecord(node=NodeId(name)) for name in names}


def crowded(*names: str, capacity: int = 1, least: int = 2, most: int = 4) -> ClusterView:
    """Nodes that are full with two instances of a slice that may have ten; from the third on provided."""
    view = running(2, scaled(2), view=nodes(*names, capacity=capacity))
    return replace(
        view,
        topology=TopologyRecord(nodes=least, max_nodes=most),
        provisioned=provided(*names[2:]),
        epoch=EpochRecord(leader=NodeId(names[0]), epoch=1),
    )


async def test_instances_without_room_ask_for_a_node_and_reconcile_provisions_it() -> None:
    world = ScalingWorld(crowded("node-1", "node-2"))
    await world.second(STORM, times=30)
    assert world.control.nodes_wish.more == 1
    assert "no room" in world.loop.nodes.decision.text
    view = world.control.seen
    signals = replace(all_heard(view, 50.0), nodes_wish=NodeWish(more=1, because="so it is"))
    plan = reconcile(view, signals, ControlSettings(has_provider=True), 50.0)
    (asked,) = [command for command in plan.commands if isinstance(command, Provision)]
    assert asked.node == "node-3"
    assert asked.because.text == "2 of 3 nodes are there: ask for node-3 (so it is)"


async def test_only_one_is_asked_for_while_it_is_on_its_way_and_never_more_than_the_most() -> None:
    world = ScalingWorld(crowded("node-1", "node-2", most=3))
    await world.second(STORM, times=30)
    coming = {NodeId("node-3"): ProvisionRecord(node=NodeId("node-3"))}
    world.control.seen = replace(world.control.seen, provisions=coming)
    await world.second(STORM, times=60)
    assert world.control.nodes_wish.more == 1


async def test_without_a_topology_or_with_the_setting_off_nothing_is_asked() -> None:
    world = ScalingWorld(replace(crowded("node-1", "node-2"), topology=None))
    await world.second(STORM, times=30)
    assert (world.control.nodes_wish.more, world.loop.nodes.decision.text) == (0, NOBODY)
    off = {("cluster", "scaling.nodes"): ConfigRecord(value="off")}
    world.control.seen = replace(crowded("node-1", "node-2"), config=off)
    await world.second(STORM, times=30)
    assert world.control.nodes_wish.more == 0


async def test_a_node_that_is_not_needed_for_long_is_given_back() -> None:
    view = replace(crowded("node-1", "node-2", "node-3", capacity=10), config=SOON)
    world = ScalingWorld(view)
    await world.second(IDLE, times=15)
    assert world.loop.nodes.give_back is None
    assert world.control.nodes_wish.more == 1, "what is there counts as asked for"
    await world.second(IDLE, times=15)
    assert world.loop.nodes.give_back == "node-3"
    assert world.control.nodes_wish.more == 0
    await world.second(IDLE, times=60)
    assert world.loop.nodes.give_back == "node-3", "one at a time"
    world.control.seen = replace(crowded("node-1", "node-2", capacity=10), config=SOON)
    await world.second(IDLE)
    assert world.loop.nodes.give_back is None


async def test_the_operators_nodes_and_the_leader_stay() -> None:
    view = replace(crowded("node-1", "node-2", capacity=10), config=SOON)
    world = ScalingWorld(view)
    await world.second(IDLE, times=100)
    assert world.loop.nodes.give_back is None
    led_by_last = replace(
        crowded("node-1", "node-2", "node-10"),
        provisioned=provided("node-2", "node-10"),
        epoch=EpochRecord(leader=NodeId("node-10"), epoch=1),
    )
    assert surplus_of(led_by_last, nodes_on_duty(led_by_last), 2) == "node-2"
    led_by_first = crowded("node-1", "node-2", "node-9", "node-10")
    assert surplus_of(led_by_first, nodes_on_duty(led_by_first), 2) == "node-10"


async def test_a_node_that_drains_takes_nothing_and_is_not_counted() -> None:
    view = crowded("node-1", "node-2", "node-3")
    draining = VerdictRecord(verdict=Verdict.DRAINING, incarnation="life-1")
    view = replace(view, verdicts={**view.verdicts, NodeId("node-3"): draining})
    assert nodes_on_duty(view) == ["node-1", "node-2"]


async def test_a_large_last_node_is_kept_while_the_small_ones_could_not_carry_it_all() -> None:
    view = crowded("node-1", "node-2", "node-3", capacity=1)
    large = replace(view.nodes[NodeId("node-3")], capacity=200)
    view = replace(view, nodes={**view.nodes, NodeId("node-3"): large}, config=SOON)
    world = ScalingWorld(view)
    await world.second(IDLE, times=100)
    assert world.loop.nodes.give_back is None
    assert world.loop.nodes.seen is not None
    assert world.loop.nodes.seen.used == 2 * 2 / (2 * 3)


def judged(view: ClusterView, name: str, verdict: Verdict, order: DrainOrder | None) -> ClusterView:
    """The view with another verdict on a node."""
    record = VerdictRecord(verdict=verdict, incarnation="life-1", drain=order)
    return replace(view, verdicts={**view.verdicts, NodeId(name): record})


ORDER = DrainOrder(by=ACTOR, shutdown=True)


async def chosen_world() -> ScalingWorld:
    """A leader that has chosen node-3 to be given back."""
    view = replace(crowded("node-1", "node-2", "node-3", capacity=10), config=SOON)
    world = ScalingWorld(view)
    await world.second(IDLE, times=30)
    assert world.loop.nodes.give_back == "node-3"
    return world


async def test_without_a_provider_no_node_is_given_back() -> None:
    view = replace(crowded("node-1", "node-2", "node-3", capacity=10), config=SOON)
    world = ScalingWorld(view, has_provider=False)
    await world.second(IDLE, times=100)
    assert world.loop.nodes.give_back is None
    assert world.control.nodes_wish.more == 0, "who takes one away is not told that one is missing"
    world.loop.nodes.decision = replace(world.loop.nodes.decision, text="")
    await world.second(IDLE, times=25)
    assert world.loop.nodes.decision.wish == "same"


async def test_a_choice_is_withdrawn_when_the_node_is_needed_again() -> None:
    world = await chosen_world()
    full = running(2, scaled(2), view=nodes("node-1", "node-2", "node-3", capacity=1))
    world.control.seen = replace(world.control.seen, nodes=full.nodes)
    await world.second(STORM, times=2)
    assert world.loop.nodes.give_back is None
    assert world.control.nodes_wish.more == 1


async def test_a_choice_is_withdrawn_when_scaling_of_nodes_is_switched_off() -> None:
    world = await chosen_world()
    off = {**SOON, ("cluster", "scaling.nodes"): ConfigRecord(value="off")}
    world.control.seen = replace(world.control.seen, config=off)
    await world.second(IDLE)
    assert world.loop.nodes.give_back is None


async def test_a_node_that_a_person_drains_is_the_persons() -> None:
    world = await chosen_world()
    by_hand = DrainOrder(by="api:anonymous", shutdown=True)
    world.control.seen = judged(world.control.seen, "node-3", Verdict.DRAINING, by_hand)
    await world.second(IDLE, times=2)
    assert world.loop.nodes.give_back is None


async def test_an_order_that_is_taken_back_ends_it_and_the_node_may_be_chosen_again() -> None:
    world = await chosen_world()
    before = world.control.seen
    world.control.seen = judged(before, "node-3", Verdict.DRAINING, ORDER)
    await world.second(IDLE)
    assert world.loop.nodes.next_step == "wait"
    world.control.seen = judged(before, "node-3", Verdict.JOINING, None)
    await world.second(IDLE)
    assert (world.loop.nodes.give_back, world.loop.nodes.next_step) == (None, "stop")
    world.control.seen = before
    await world.second(IDLE, times=30)
    assert world.loop.nodes.give_back == "node-3"


async def test_a_new_leader_finishes_what_the_one_before_it_ordered() -> None:
    view = replace(crowded("node-1", "node-2", "node-3", capacity=10), config=SOON)
    world = ScalingWorld(judged(view, "node-3", Verdict.DRAINING, ORDER), has_provider=False)
    await world.second(IDLE)
    assert (world.loop.nodes.give_back, world.loop.nodes.next_step) == ("node-3", "wait")
    world.control.seen = judged(view, "node-3", Verdict.DECOMMISSIONED, ORDER)
    await world.second(IDLE)
    assert (world.loop.nodes.give_back, world.loop.nodes.next_step) == ("node-3", "remove")
    off = {**SOON, ("cluster", "scaling.nodes"): ConfigRecord(value="off")}
    world.control.seen = replace(world.control.seen, config=off)
    await world.second(IDLE)
    assert world.loop.nodes.give_back == "node-3", "else a voter that is stopped would stay"
    world.control.seen = replace(crowded("node-1", "node-2", capacity=10), config=SOON)
    await world.second(IDLE)
    assert world.loop.nodes.give_back is None


async def test_the_operators_larger_number_takes_in_what_came_by_load() -> None:
    view = crowded("node-1", "node-2", "node-3", "node-4", least=2, most=10)
    world = ScalingWorld(view)
    await world.second(IDLE)
    assert world.control.nodes_wish.more == 2
    world.control.seen = replace(view, topology=TopologyRecord(nodes=4, max_nodes=10))
    await world.second(IDLE)
    assert world.control.nodes_wish.more == 0


async def test_a_provider_that_fails_is_not_asked_for_more_and_more() -> None:
    world = ScalingWorld(crowded("node-1", "node-2", most=9))
    await world.second(STORM, times=1000)
    assert world.control.nodes_wish.more == 1
    assert "3 nodes are asked for and 2 there" in world.loop.nodes.decision.text


async def test_a_node_that_was_joined_by_hand_is_never_given_back() -> None:
    view = replace(crowded("node-1", "node-2", "mine", capacity=10), config=SOON, provisioned={})
    world = ScalingWorld(view)
    await world.second(IDLE, times=200)
    assert world.loop.nodes.give_back is None
    assert world.loop.nodes.decision.text.endswith(
        "none is given back: joined by hand: kept: mine, node-1, node-2"
    )


async def test_a_surplus_node_that_its_operator_takes_away_is_not_replaced() -> None:
    names = ("node-1", "node-2", "mine", "yours")
    view = replace(crowded(*names, capacity=10), config=SOON, provisioned={})
    world = ScalingWorld(view)
    await world.second(IDLE, times=15)
    assert world.control.nodes_wish.more == 2
    await world.second(IDLE, times=200)
    assert world.control.nodes_wish.more == 1, "that three suffice was seen, not that two do"
    left = crowded("node-1", "node-2", "mine", capacity=10)
    world.control.seen = replace(left, config=SOON, provisioned={})
    await world.second(IDLE, times=5)
    assert world.control.nodes_wish.more == 1
    plan = reconcile(
        world.control.seen,
        replace(all_heard(world.control.seen, 50.0), nodes_wish=world.control.nodes_wish),
        ControlSettings(has_provider=True),
        50.0,
    )
    assert not [command for command in plan.commands if isinstance(command, Provision)]


async def test_instances_without_room_on_nodes_joined_by_hand_ask_for_one_more() -> None:
    view = replace(crowded("node-1", "node-2", "mine", capacity=10), config=SOON, provisioned={})
    world = ScalingWorld(view)
    await world.second(IDLE, times=200)
    assert world.control.nodes_wish.more == 0
    full = crowded("node-1", "node-2", "mine", capacity=1)
    world.control.seen = replace(full, config=SOON, provisioned={})
    await world.second(STORM, times=30)
    assert world.control.nodes_wish.more == 2


async def test_of_both_kinds_the_provided_one_goes_and_the_other_stays() -> None:
    view = replace(crowded("node-1", "node-2", "node-3", "node-9", capacity=10), config=SOON)
    world = ScalingWorld(replace(view, provisioned=provided("node-3")))
    await world.second(IDLE, times=30)
    assert world.loop.nodes.give_back == "node-3"
    left = crowded("node-1", "node-2", "node-9", capacity=10)
    world.control.seen = replace(left, config=SOON, provisioned={})
    await world.second(IDLE, times=200)
    assert world.loop.nodes.give_back is None
    assert "kept: node-1, node-2, node-9" in world.loop.nodes.decision.text


async def test_a_provided_node_that_leads_goes_when_no_other_is_left() -> None:
    """It hands over when it is empty, and whoever leads then takes it out of the cluster."""
    view = replace(crowded("node-1", "node-2", "node-3", capacity=10), config=SOON)
    led = replace(
        view,
        provisioned=provided("node-3"),
        epoch=EpochRecord(leader=NodeId("node-3"), epoch=2),
    )
    world = ScalingWorld(led)
    await world.second(IDLE, times=60)
    assert world.loop.nodes.give_back == "node-3"


def test_only_some_of_many_kept_nodes_are_named() -> None:
    names = [f"node-{number}" for number in range(1, 9)]
    view = replace(crowded(*names), provisioned={})
    assert kept_text(view, nodes_on_duty(view)) == (
        "none is given back: joined by hand: kept: "
        "node-1, node-2, node-3, node-4, node-5 and 3 more"
    )
