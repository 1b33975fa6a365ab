"""What another node than the leader refuses by itself, and what it leaves to the leader."""

from dataclasses import replace

import pytest

from aether.api.blueprint_texts import FRESH_S
from aether.api.call import FORWARDED
from aether.api.routes import ENDPOINTS
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import encode
from aether.errors import NoQuorum
from aether.ports import ApiRequest, ApiResponse
from tests.api_world import BLUEPRINT, SHOP_1, ApiWorld, artifact_record
from tests.hostile_blueprints import hostile_blueprints
from tests.worlds import APP, SHOP, node_record, nodes, with_artifact

HOPELESS = [
    ("POST", "blueprints", b"id = ", 400),
    ("POST", "blueprints", b"\xff", 400),
    ("POST", "blueprints", b"#" * 300_000, 413),
    ("POST", "blueprints?source=b.toml", b"oops = 1", 422),
    ("POST", "blueprints", BLUEPRINT.encode(), 422),
    ("POST", "blueprints/plan", BLUEPRINT.encode(), 422),
    ("POST", f"slices/{SHOP}/scale", b"[" * 30_000, 400),
    ("POST", f"slices/{SHOP}/scale", b'{"instances": -1}', 422),
    ("POST", "nodes/node-2/drain", b'{"force": "yes"}', 422),
    ("PUT", "topology", b'{"nodes": 3}', 422),
    ("PUT", "config/cluster/control.suspect_s", b"{}", 422),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), HOPELESS)
async def test_a_hopeless_call_never_reaches_the_leader(
    follower: ApiWorld, method: str, path: str, body: bytes, status: int
) -> None:
    answer = await follower.call(method, path, body)
    assert (answer.status, follower.link.asked) == (status, [])


async def test_no_hostile_blueprint_reaches_the_leader_of_a_cluster_that_knows_none_of_it(
    follower: ApiWorld,
) -> None:
    for hostile in hostile_blueprints():
        answer = await follower.call("POST", "blueprints", hostile.text.encode())
        assert 400 <= answer.status < 500, hostile.name
    assert follower.link.asked == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"slices/{SHOP}/scale", b""),
        ("POST", f"slices/{SHOP}/scale", b'{"instances": 2}'),
        ("POST", "nodes/node-9/drain", b""),
        ("DELETE", f"blueprints/{APP}", b""),
        ("POST", "blueprints", BLUEPRINT.encode()),
    ],
)
async def test_what_may_succeed_is_the_leaders_to_answer(
    follower: ApiWorld, method: str, path: str, body: bytes
) -> None:
    await follower.hold(with_artifact(nodes("node-1"), SHOP_1))
    follower.link.answer = ApiResponse(status=299, headers={}, body=b"{}")
    assert (await follower.call(method, path, body)).status == 299
    assert [(leader, asked.body) for leader, asked in follower.link.asked] == [("node-0", body)]


async def test_what_this_node_has_not_heard_of_yet_is_looked_for_before_it_is_refused(
    follower: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = follower.store.get
    asked: list[str] = []

    async def behind(key: str, **how: object) -> object:
        if not asked:
            asked.append(key)
            record = artifact_record(SHOP_1)
            await follower.put({keys.artifact(record.manifest.artifact): encode(record)})
        return await read(key, **how)  # type: ignore[arg-type] # passed through

    monkeypatch.setattr(follower.store, "get", behind)
    follower.link.answer = ApiResponse(status=299, headers={}, body=b"{}")
    assert (await follower.call("POST", "blueprints", BLUEPRINT.encode())).status == 299
    assert asked == [keys.EPOCH]


async def test_a_refused_text_is_told_nothing_of_the_cluster_that_is_not_true_any_more(
    follower: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = follower.store.get
    text = f"oops = 1\n{BLUEPRINT.replace('max_instances', 'min_instances')}"

    async def behind(key: str, **how: object) -> object:
        record = artifact_record(SHOP_1)
        await follower.put({keys.artifact(record.manifest.artifact): encode(record)})
        return await read(key, **how)  # type: ignore[arg-type] # passed through

    async def cut_off(key: str, **how: object) -> object:
        raise NoQuorum(f"{key} {how}")

    monkeypatch.setattr(follower.store, "get", cut_off)
    unsure = (await follower.call("POST", "blueprints", text.encode())).json()["problems"]
    monkeypatch.setattr(follower.store, "get", behind)
    fresh = (await follower.call("POST", "blueprints", text.encode())).json()["problems"]
    assert [problem.split(":")[1] for problem in fresh] == ["1", "5"]
    assert unsure == fresh


async def test_what_this_node_cannot_find_out_is_the_leaders_to_answer(
    follower: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = list[float]()

    async def cut_off(key: str, *, timeout_s: float) -> None:
        waits.append(timeout_s)
        raise NoQuorum(f"{key} was not read")

    monkeypatch.setattr(follower.store, "get", cut_off)
    follower.link.answer = ApiResponse(status=299, headers={}, body=b"{}")
    for path in ("blueprints", "blueprints/plan"):
        assert (await follower.call("POST", path, BLUEPRINT.encode())).status == 299
    assert [leader for leader, _ in follower.link.asked] == ["node-0", "node-0"]
    assert waits == [FRESH_S, FRESH_S]


NEWER = [
    ("POST", "blueprints", b"oops = 1\n" + BLUEPRINT.encode(), 422),
    ("POST", "blueprints/plan", b"oops = 1\n" + BLUEPRINT.encode(), 422),
    ("POST", "blueprints", BLUEPRINT.encode(), 422),
    ("POST", f"slices/{SHOP}/scale", b'{"instances": 1, "oops": 1}', 422),
    ("POST", "blueprints", b"id = ", 400),
    ("POST", "blueprints", b"#" * 300_000, 413),
    ("POST", f"slices/{SHOP}/scale", b"[" * 30_000, 400),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), NEWER)
async def test_a_leader_of_another_version_is_not_spoken_for(
    follower: ApiWorld, method: str, path: str, body: bytes, status: int
) -> None:
    leader = NodeId("node-0")
    ours = replace(node_record("node-0"), version=follower.context.version)
    follower.link.answer = ApiResponse(status=299, headers={}, body=b"{}")

    other = replace(ours, node=NodeId("node-01"), version="9.0.0")
    await follower.put({keys.node(leader): encode(ours), keys.node(other.node): encode(other)})
    assert (await follower.call(method, path, body)).status == status
    assert follower.link.asked == []

    for record in (encode(replace(ours, version="9.0.0")), b"of a version that writes otherwise"):
        await follower.put({keys.node(leader): record})
        forwarded = (await follower.call(method, path, body)).status
        assert forwarded == (299 if status == 422 else status)
    assert len(follower.link.asked) == (2 if status == 422 else 0)


async def test_what_was_forwarded_is_not_sifted_again(follower: ApiWorld) -> None:
    answer = await follower.call("POST", "blueprints", b"id = ", {FORWARDED: "node-2"})
    assert (answer.status, answer.json()["code"]) == (503, "unavailable")


async def test_a_node_that_leads_by_the_end_of_the_sifting_answers_itself(
    follower: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await follower.hold(with_artifact(nodes("node-1"), SHOP_1))
    leaders = iter([NodeId("node-0"), NodeId("node-1")])
    monkeypatch.setattr(type(follower.store), "leader", property(lambda _: next(leaders)))
    answer = await follower.api.handle(
        ApiRequest(method="POST", path="/api/v1/blueprints", headers={}, body=BLUEPRINT.encode())
    )
    assert (answer.status, follower.link.asked) == (200, [])


def test_every_text_for_the_leader_is_sifted() -> None:
    unread = [
        endpoint.name
        for endpoint in ENDPOINTS
        if endpoint.leader_only and endpoint.body_limit > 64 * 1024 and endpoint.sift is None
    ]
    assert unread == ["config.put"]  # its JSON is looked at
