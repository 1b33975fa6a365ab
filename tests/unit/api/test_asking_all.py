"""Every other node is asked; who is gone is not, and who says nothing of use is named."""

from typing import Any

from aether.api.asking_all import ask_others, told_silent
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import Verdict, VerdictRecord, encode
from aether.ports import ApiResponse
from tests.api_world import ApiWorld
from tests.worlds import nodes

SECOND, THIRD, FOURTH = NodeId("node-2"), NodeId("node-3"), NodeId("node-4")


def number(answer: Any) -> int:
    if not isinstance(answer, int):
        raise ValueError(f"{answer!r} is no number")  # noqa: TRY004 - what readers of answers raise
    return answer


async def test_answers_and_silences_are_told_apart(world: ApiWorld) -> None:
    await world.hold(nodes("node-1", "node-2", "node-3", "node-4"))
    gone = VerdictRecord(verdict=Verdict.LOST, incarnation="")
    await world.put({keys.verdict(FOURTH): encode(gone)})
    world.link.answers[SECOND] = ApiResponse(status=200, body=b"7")
    world.link.answers[THIRD] = ApiResponse(status=200, body=b'"seven"')
    found, silent = await ask_others(world.context, "/api/v1/number", number)
    assert found == {SECOND: 7}
    assert told_silent(silent) == [{"node": "node-3", "problem": "'seven' is no number"}]
    assert sorted(node for node, _ in world.link.asked) == ["node-2", "node-3"]


async def test_a_node_that_refuses_is_silent_with_its_status(world: ApiWorld) -> None:
    await world.hold(nodes("node-1", "node-2"))
    world.link.answers[SECOND] = ApiResponse(status=503, body=b"{}")
    found, silent = await ask_others(world.context, "/api/v1/number", number)
    assert not found
    assert "503" in silent[SECOND]
