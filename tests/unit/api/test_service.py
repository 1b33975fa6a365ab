"""What holds for every call: ids, errors, forwarding."""

import pytest

from aether.api.call import FORWARDED
from aether.api.routes import ENDPOINTS
from aether.api.service import sane_request_id
from aether.ports import ApiResponse
from tests.api_world import BLUEPRINT, NODE, SHOP_1, ApiWorld
from tests.worlds import APP, SHOP, nodes, with_artifact


async def test_what_is_not_in_the_table(world: ApiWorld) -> None:
    missing = await world.call("GET", "nothing")
    assert (missing.status, missing.json()["code"]) == (404, "no_such_call")
    wrong = await world.call("PATCH", "blueprints")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, POST")
    assert (await world.call("GET", "status", b"x" * 100_000)).status == 413
    assert (await world.call("GET", "status?" + "&".join("a=1" for _ in range(99)))).status == 400


async def test_request_ids_are_honoured_when_sane_and_made_otherwise(world: ApiWorld) -> None:
    answer = await world.call("GET", "nothing", headers={"x-request-id": "abc-1"})
    assert answer.headers["x-request-id"] == answer.json()["instance"] == "abc-1"
    for odd in ("", "a b", "x" * 129, "é", "a\r\nb"):
        assert sane_request_id(odd) != odd
    assert sane_request_id(None) != sane_request_id(None)


async def test_an_unexpected_error_tells_the_caller_nothing_but_where_to_look(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(prefixes: object) -> None:
        raise ZeroDivisionError("secret of the house")

    monkeypatch.setattr(world.store, "level", broken)
    answer = await world.call("GET", "status", headers={"x-request-id": "r-7"})
    assert (answer.status, answer.json()["code"]) == (500, "internal")
    assert "r-7" in str(answer.json()["detail"])
    assert b"secret" not in answer.body


LEADER_ONLY = [
    ("POST", "blueprints", BLUEPRINT.encode()),
    ("DELETE", f"blueprints/{APP}", b""),
    ("POST", f"slices/{SHOP}/scale", b'{"instances": 2}'),
]


def test_what_the_leader_alone_does() -> None:
    names = {endpoint.name for endpoint in ENDPOINTS if endpoint.leader_only}
    members = {"member.promote", "member.remove", "leader.transfer"}
    nodes = {"node.drain", "node.activate", "node.shutdown", "node.remove"}
    topology = {"topology.put", "topology.delete"}
    slices = {"blueprint.apply", "blueprint.delete", "blueprint.reapply", "slice.scale"}
    slices |= {"slice.traffic.put", "slice.traffic.delete"}
    settings = {"config.put", "config.delete", "threshold.put", "threshold.delete"}
    settings |= {"silence.post", "silence.delete", "log_level.put", "log_level.delete"}
    settings |= {"webhook.put", "webhook.delete", "webhook.test"}
    plans = {name for name in names if name.endswith(".plan")}
    controller = {f"controller.{call}" for call in ("evaluate", "status", "config", "decisions")}
    forecast = {"forecast.status", "forecast.scorecard"}
    known = settings | slices | members | nodes | topology | plans | controller | forecast
    assert names == known
    assert {"blueprint.plan", "blueprint.delete.plan", "slice.scale.plan"} <= plans


@pytest.mark.parametrize(("method", "path", "body"), LEADER_ONLY)
async def test_a_follower_has_the_leader_answer(
    follower: ApiWorld, method: str, path: str, body: bytes
) -> None:
    await follower.hold(with_artifact(nodes("node-1"), SHOP_1))
    follower.link.answer = ApiResponse(status=299, headers={"content-type": "x/y"}, body=b"{}")
    answer = await follower.call(method, path, body, {"x-request-id": "r-1"})
    assert (answer.status, answer.headers["content-type"]) == (299, "x/y")
    ((leader, request),) = follower.link.asked
    assert leader == "node-0"
    assert (request.method, request.path, request.body) == (method, f"/api/v1/{path}", body)
    parent = request.headers["traceparent"]
    assert request.headers == {
        "x-request-id": "r-1",
        FORWARDED: "node-1",
        "traceparent": parent,
    }
    assert parent[:36] == answer.headers["traceparent"][:36], "one trace on both nodes"


async def test_a_call_is_forwarded_once(follower: ApiWorld) -> None:
    answer = await follower.call("POST", "blueprints", b"", {FORWARDED: "node-2"})
    assert (answer.status, answer.json()["code"]) == (503, "unavailable")
    assert "leadership" in str(answer.json()["detail"])
    assert follower.link.asked == []


async def test_a_leader_that_does_not_answer_or_is_not_known(follower: ApiWorld) -> None:
    answer = await follower.call("DELETE", f"blueprints/{APP}")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    follower.oracle.cut_off(NODE)
    answer = await follower.call("DELETE", f"blueprints/{APP}")
    assert (answer.status, answer.json()["code"]) == (503, "no_quorum")


async def test_reads_and_keys_are_answered_by_any_node(follower: ApiWorld) -> None:
    assert (await follower.call("PUT", "kv/a", b"1")).status == 200
    assert (await follower.call("GET", "kv/a")).status == 200
    assert follower.link.asked == []


async def test_outcome_unknown_is_never_reported_as_failure(world: ApiWorld) -> None:
    world.oracle.lose_answers(1_000_000)
    store = world.store

    async def impatient(txn: object, timeout_s: float = 5.0) -> object:
        return await type(store).txn(store, txn, 0.2)  # type: ignore[arg-type] # passed through

    world.api._context.store.txn = impatient  # type: ignore[method-assign, assignment] # a shorter wait
    answer = await world.call("PUT", "kv/a", b"1")
    assert (answer.status, answer.json()["code"]) == (504, "outcome_unknown")
