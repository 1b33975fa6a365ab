"""A node without a leader asks the members whether it is still one of them."""

from collections.abc import Mapping

from aether.core.agent.formation_state import Formed, KnownNode
from aether.core.model.ids import NodeId
from aether.errors import Unavailable
from aether.node.outcast import PERIOD_S, Outcast
from aether.tasks import Tasks
from aether_forge.sim.loop import VirtualClock, let_pass, run_virtual

ME = NodeId("n3")


def formed(*nodes: str, cluster: str = "c1") -> Formed:
    return Formed(cluster, tuple(KnownNode(NodeId(n), f"{n}:1", f"{n}:2") for n in nodes))


def outcast(answers: Mapping[str, Formed | None], leader: list[NodeId | None]) -> Outcast:
    async def ask(address: str) -> Formed | None:
        if address not in answers:
            raise Unavailable(f"{address} does not answer")
        return answers[address]

    return Outcast(ME, "c1", ("n1:1", "n2:1"), lambda: leader[0], ask, VirtualClock())


async def test_the_first_member_that_answers_says_who_takes_part() -> None:
    gone = outcast({"n2:1": formed("n1", "n2")}, [None])
    await gone.look()
    assert "n3 is no member of its cluster any more: n2:1 says that n1, n2 are" in gone()
    member = outcast({"n1:1": formed("n1", "n2", "n3"), "n2:1": formed("n2")}, [None])
    await member.look()
    assert member() == ""


async def test_a_node_that_forms_or_is_of_another_cluster_says_nothing_about_this_one() -> None:
    strange = outcast({"n1:1": None, "n2:1": formed("n1", "n2", cluster="c2")}, [None])
    await strange.look()
    assert strange() == ""


def test_who_hears_a_leader_is_not_told_and_asks_nobody() -> None:
    leader: list[NodeId | None] = [None]
    gone = outcast({"n1:1": formed("n1", "n2")}, leader)

    async def story() -> tuple[str, str, str]:
        tasks = Tasks()
        tasks.start("outcast", gone.run())
        await let_pass(PERIOD_S - 1)
        early = gone()
        await let_pass(2)
        told = gone()
        leader[0] = NodeId("n1")
        back = gone()
        await tasks.stop()
        return early, told, back

    early, told, back = run_virtual(story())
    assert early == ""
    assert told.startswith("n3 is no member")
    assert back == ""
