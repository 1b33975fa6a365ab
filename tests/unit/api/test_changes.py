from collections.abc import AsyncIterator

import pytest

from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.reason import Reason
from aether.core.store.commands import Applied, Delete, Operation, Put, Txn
from tests.api_world import ApiWorld
from tests.worlds import SHOP, nodes

BY_LEADER = Reason("leader:node-1", "judge", "silent", {"silent_s": "3.0"}, {"wait": "no"})


@pytest.fixture
async def world() -> AsyncIterator[ApiWorld]:
    made = ApiWorld()
    await made.start()
    await made.hold(nodes("node-1", "node-2"))
    await made.record()
    yield made
    await made.stop()


async def write(world: ApiWorld, *operations: Operation) -> int:
    outcome = await world.store.txn(Txn(operations, BY_LEADER))
    assert isinstance(outcome, Applied)
    return outcome.revision


VERDICT = keys.verdict(NodeId("node-2"))


async def test_changes_are_told_with_reasons_and_values(world: ApiWorld) -> None:
    first = await write(world, Put(VERDICT, b'{"verdict": "SUSPECT"}'), Put("topology", b"{}"))
    second = await write(world, Delete(VERDICT))
    answer = (await world.call("GET", "changes?subject=node-2")).json()
    assert [one["revision"] for one in answer["items"]] == [second, first]
    assert answer["items"][0]["changes"] == [{"key": VERDICT, "deleted": True, "value": None}]
    written = {change["key"]: change["value"] for change in answer["items"][1]["changes"]}
    assert written == {VERDICT: {"verdict": "SUSPECT"}, "topology": {}}
    assert answer["items"][1]["rejected"] == {"wait": "no"}
    assert answer["gaps"] == []
    only = (await world.call("GET", "changes?prefix=topology")).items()
    assert [one["revision"] for one in only] == [first]
    assert (await world.call("GET", "changes?subject=slice/a:b")).items() == []


async def test_changes_lie_between_two_moments(world: ApiWorld) -> None:
    world.now_s += 100
    first = await write(world, Put("topology", b"1"))
    world.now_s += 100
    second = await write(world, Put("topology", b"2"))
    world.now_s += 5
    await write(world, Put("topology", b"3"))
    for span in (f"from={first}&to={second}", "from=-1m50s&to=-5s"):
        found = (await world.call("GET", f"changes?{span}")).items()
        assert second in [one["revision"] for one in found]
    found = (await world.call("GET", f"changes?from={first}&to={second}")).items()
    assert [one["revision"] for one in found] == [second]


async def test_changes_come_in_pages(world: ApiWorld) -> None:
    revisions = [await write(world, Put("topology", str(number).encode())) for number in range(3)]
    page = (await world.call("GET", "changes?limit=2")).json()
    rest = (await world.call("GET", f"changes?limit=2&cursor={page['next']}")).json()
    seen = [one["revision"] for one in (*page["items"], *rest["items"])]
    assert (seen, rest["next"]) == (revisions[::-1], None)


async def test_a_difference_tells_before_after_and_why(world: ApiWorld) -> None:
    before = world.store.revision
    first = await write(world, Put("topology", b"1"), Put(keys.target(SHOP), b'"made"'))
    second = await write(world, Put("topology", b"2"), Delete(VERDICT))
    answer = (await world.call("GET", f"diff?from={before}")).json()
    told = {one["key"]: one for one in answer["items"]}
    assert list(told) == [keys.target(SHOP), "topology", VERDICT]
    assert (told["topology"]["before"], told["topology"]["after"]) == (None, 2)
    assert [one["revision"] for one in told["topology"]["reasons"]] == [first, second]
    assert told[VERDICT]["before"]["verdict"] == "ON_DUTY"
    assert told[VERDICT]["after"] is None
    assert (answer["from"], answer["to"]) == (before, second)
    mine = (await world.call("GET", f"diff?from={before}&subject={SHOP}")).items()
    assert [one["key"] for one in mine] == [keys.target(SHOP)]
    back = await world.call("GET", f"diff?from={second}&to={before}")
    assert (back.status, "earlier one first" in back.json()["detail"]) == (422, True)


async def test_a_subject_nobody_knows_is_not_one_that_did_not_change(world: ApiWorld) -> None:
    before = world.store.revision
    for known in ("node-1", "cluster", "node/node-2"):
        answer = await world.call("GET", f"diff?from={before}&subject={known}")
        assert (answer.status, answer.items()) == (200, []), known
    for unknown in ("nope", "node-11", "a:b", "blueprint/a:b"):
        answer = await world.call("GET", f"diff?from={before}&subject={unknown}")
        assert (answer.status, answer.json()["code"]) == (404, "not_found"), unknown
    told = (await world.call("GET", f"diff?from={before}&subject=node-11")).json()["detail"]
    assert "there is no node/node-11" in told
    assert "did you mean 'node-1'?" in told
    await write(world, Delete("node/node-2"), Delete(VERDICT))
    gone = world.store.revision
    answer = await world.call("GET", f"diff?from={gone}&subject=node-2")
    assert (answer.status, answer.items()) == (200, [])


async def test_a_difference_comes_in_pages(world: ApiWorld) -> None:
    before = world.store.revision
    for name in ("a", "b", "c"):
        await write(world, Put(f"node/{name}", b"{}"))
    page = (await world.call("GET", f"diff?from={before}&limit=2")).json()
    rest = (await world.call("GET", f"diff?from={before}&limit=2&cursor={page['next']}")).json()
    keys_ = [one["key"] for one in (*page["items"], *rest["items"])]
    assert (keys_, rest["next"]) == (["node/a", "node/b", "node/c"], None)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("diff", "from is required"),
        ("diff?from=tomorrow", "is no moment"),
        ("diff?from=2026-11-21T10:00:00", "has no zone"),
        ("diff?from=-15", "is no age"),
        ("diff?from=-15y", "is no age"),
        ("diff?from=99999999999999999999", "no revision is that high"),
        ("diff?from=999999&to=9999999", "still to come"),
        ("diff?from=999999", "from is revision 999999, still to come"),
        ("changes?subject=what/x", "say node/"),
        ("changes?subject=Not a node", "not a node id"),
        ("changes?cursor=eHg", "not one that a list here gave out"),
        ("nodes?at=2999-01-01T00:00:00Z", "in the future"),
    ],
)
async def test_what_cannot_be_asked_is_said(world: ApiWorld, path: str, said: str) -> None:
    answer = await world.call("GET", path.replace(" ", "%20"))
    assert (answer.status, said in answer.json()["detail"]) == (422, True), answer.json()


async def test_reads_show_the_past(world: ApiWorld) -> None:
    before = world.store.revision
    world.now_s += 60
    await write(world, Delete("node/node-2"), Delete(VERDICT))
    assert len((await world.call("GET", "nodes")).items()) == 1
    for at in (str(before), "-1s", "2023-11-14T22:13:50Z", "2023-11-14T23:13:50+01:00"):
        assert len((await world.call("GET", f"nodes?at={at}")).items()) == 2
        assert (await world.call("GET", f"nodes/node-2?at={at}")).status == 200
        assert (await world.call("GET", f"status?at={at}")).json()["nodes"] == {"ON_DUTY": 2}
        found = (await world.call("GET", f"kv?prefix=node/&at={at}")).items()
        assert [one["key"] for one in found] == ["node/node-1", "node/node-2"]
    early = await world.call("GET", "nodes?at=-1h")
    assert (early.status, early.json()["code"]) == (404, "not_recorded")


async def test_keys_of_slices_are_read_at_what_the_store_still_holds(world: ApiWorld) -> None:
    await world.put({"app/a:b/x": b"1"})
    before = world.store.revision
    await world.put({"app/a:b/x": b"2"})
    found = (await world.call("GET", f"kv?prefix=app/&at={before}")).items()
    assert [one["value"] for one in found] == ["1"]


async def test_one_key_is_read_as_it_was(world: ApiWorld) -> None:
    await world.put({"app/a:b/x": b"1", "app/a:b/xy": b"1"})
    before = world.store.revision
    await write(world, Delete("app/a:b/x"), Delete(VERDICT))
    for key in ("app/a:b/x", VERDICT):
        assert (await world.call("GET", f"kv/{key}")).status == 404
        assert (await world.call("GET", f"kv/{key}?at={before}")).json()["key"] == key
    for key in ("app/a:b/", "verdict/node-"):
        gone = await world.call("GET", f"kv/{key}?at={before}")
        assert (gone.status, gone.json()["code"]) == (404, "not_found")
        assert f"at revision {before} there is no key {key}" in gone.json()["detail"]


async def test_without_a_chronicle_the_past_is_not_available() -> None:
    made = ApiWorld()
    await made.start()
    answer = await made.call("GET", "changes")
    assert (answer.status, "not begun" in answer.json()["detail"]) == (503, True)
    await made.stop()
