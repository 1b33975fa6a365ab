"""Traces as the API tells them: lists of all nodes, one trace joined, and what nodes ask each other."""

from typing import Any

import msgspec
import pytest

from aether.core.model.ids import NodeId
from aether.core.tracing.span import ENTRY, KEPT, Span
from aether.ports import ApiResponse
from tests.api_world import ApiWorld
from tests.spans import TRACE, plain, span
from tests.worlds import nodes

SECOND = NodeId("node-2")
OTHER = 32 * "b"


def entry(number: int = 1, **fields: object) -> Span:
    given: dict[str, Any] = {
        "kind": "request",
        "name": "GET /o/{id}",
        "slice": "g:a",
        "status": 200,
        "marks": ENTRY,
    }
    return span(number, **(given | fields))


def attempt(number: int, parent: int) -> Span:
    return span(
        number, parent, kind="attempt", name="g:a:1.0.0/0", to="g:a:1.0.0/0", to_node="node-1"
    )


async def test_a_list_tells_requests_newest_first_with_their_retries(world: ApiWorld) -> None:
    world.traces.take_of_router(
        plain(
            entry(),
            attempt(2, 1),
            attempt(3, 1),
            entry(4, trace=OTHER, began=2000.0, status=502, marks=ENTRY | KEPT),
        )
    )
    answer = (await world.call("GET", "traces")).json()
    assert answer["silent"] == []
    newest, oldest = answer["items"]
    assert (newest["trace"], newest["status"], newest["kept"]) == (OTHER, 502, True)
    assert (oldest["trace"], oldest["retries"], oldest["spans"]) == (TRACE, 1, 3)
    assert (oldest["name"], oldest["slice"], oldest["node"]) == ("GET /o/{id}", "g:a", "node-1")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("slice=g:a", 1),
        ("slice=g:b", 0),
        ("route=GET%20/o/%7Bid%7D", 1),
        ("route=GET%20/x", 0),
        ("errors=true", 0),
        ("slower_than=0.5", 1),
        ("slower_than=1.5", 0),
    ],
)
async def test_a_list_is_narrowed(world: ApiWorld, query: str, count: int) -> None:
    world.traces.take_of_router(plain(entry()))
    answer = (await world.call("GET", f"traces?{query}")).json()
    assert len(answer["items"]) == count


@pytest.mark.parametrize("text", ["x", "-1", "nan", "inf", "1e9"])
async def test_what_is_no_number_of_seconds_is_refused(world: ApiWorld, text: str) -> None:
    answer = await world.call("GET", f"traces?slower_than={text}")
    assert answer.status == 422
    assert "is not a number of seconds" in answer.json()["detail"]


async def test_other_nodes_are_asked_with_the_same_conditions(world: ApiWorld) -> None:
    await world.hold(nodes("node-1", "node-2"))
    world.traces.take_of_router(plain(entry()))
    own = await world.call("GET", "traces?here=true")
    row = own.json()["items"][0] | {"trace": OTHER, "began": 3000.0}
    world.link.answers[SECOND] = ApiResponse(
        status=200, body=msgspec.json.encode({"items": [row], "silent": []})
    )
    answer = (await world.call("GET", "traces?slice=g:a&errors=false&limit=5")).json()
    ((asked, request),) = world.link.asked
    assert asked == SECOND
    assert request.path == "/api/v1/traces?here=true&limit=5&slice=g%3Aa&errors=false"
    assert [item["trace"] for item in answer["items"]] == [OTHER, TRACE]


async def test_a_node_that_answers_nonsense_is_named(world: ApiWorld) -> None:
    await world.hold(nodes("node-1", "node-2"))
    world.traces.take_of_router(plain(entry()))
    world.link.answers[SECOND] = ApiResponse(status=200, body=b'{"items": 1}')
    answer = (await world.call("GET", "traces")).json()
    assert [each["node"] for each in answer["silent"]] == ["node-2"]
    assert len(answer["items"]) == 1


async def test_a_trace_is_joined_from_all_nodes_and_told_as_a_tree(world: ApiWorld) -> None:
    await world.hold(nodes("node-1", "node-2"))
    far = span(3, 2, node="node-2", kind="handle", process="g:a:1.0.0/0", began=1000.2, seconds=0.5)
    world.traces.take_of_router(plain(entry(), attempt(2, 1)))
    world.link.answers[SECOND] = ApiResponse(
        status=200, body=msgspec.json.encode({"spans": plain(far)})
    )
    answer = (await world.call("GET", f"traces/{TRACE}")).json()
    assert (answer["linked"], answer["roots"], answer["lost"]) == (True, 1, 0)
    assert answer["nodes"] == ["node-1", "node-2"]
    shown = [(each["kind"], each["depth"], each["node"]) for each in answer["spans"]]
    assert shown == [("request", 0, "node-1"), ("attempt", 1, "node-1"), ("handle", 2, "node-2")]
    waited = [each["waited_ms"] for each in answer["spans"]]
    assert waited == [0.0, 500.0, 500.0]
    assert (answer["spans"][2]["ms"], answer["spans"][2]["offset_ms"]) == (500.0, 200.0)


async def test_a_trace_nobody_knows_is_not_found(world: ApiWorld) -> None:
    answer = await world.call("GET", f"traces/{TRACE}")
    assert answer.status == 404
    assert TRACE in answer.json()["detail"]
    answer = await world.call("GET", "traces/xyz")
    assert answer.status == 422


async def test_what_a_node_is_asked_for_it_asks_of_its_processes(world: ApiWorld) -> None:
    body = msgspec.json.encode({"traces": [TRACE]})
    answer = await world.call("POST", "traces/ask", body)
    assert (answer.status, answer.json()) == (202, {"asked": 1})
    assert list(world.traces.take_wanted().here) == [TRACE]
    answer = await world.call("POST", "traces/ask", b'{"traces": ["x"]}')
    assert answer.status == 422
