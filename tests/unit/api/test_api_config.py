"""Calls about settings changed at run time."""

import json
from dataclasses import replace
from typing import Any

import pytest

from aether.api.config import BODY_BYTES
from aether.config.runtime_settings import SETTINGS
from aether.core.model import keys
from aether.core.model.records import ConfigRecord, decode, encode
from tests.api_world import NODE, ApiWorld
from tests.worlds import SHOP, node_record, target

LOST = "control.lost_after_s"


async def put(world: ApiWorld, path: str, value: object) -> Any:
    return await world.call("PUT", f"config/{path}", json.dumps({"value": value}).encode())


async def one(world: ApiWorld, path: str) -> tuple[Any, str]:
    row = (await world.call("GET", f"config/{path}")).json()
    return row["value"], row["origin"]


async def test_a_setting_in_its_whole_length(deployed: ApiWorld) -> None:
    answer = await deployed.call("GET", f"config/cluster/{LOST}")
    assert answer.json() == {
        "name": LOST,
        "scope": "cluster",
        "value": 5.0,
        "origin": "default",
        "default": 5.0,
        "unit": "s",
        "allowed": "a number from 0.5 to 3600 s",
        "scopes": ["cluster"],
        "meaning": "silence before a node's instances are placed anew",
    }


async def test_nearest_wins_and_unset_restores(deployed: ApiWorld) -> None:
    here, there = "node/node-1/log.level", "node/node-2/log.level"
    told = replace(node_record("node-2"), given={"log.level": "error"})
    await deployed.put({keys.node(told.node): encode(told)})
    assert await one(deployed, there) == ("error", "file")
    changed = (await put(deployed, "cluster/log.level", "warning")).json()
    assert changed["changed"] is True
    assert (changed["in_force"]["value"], changed["in_force"]["origin"]) == ("warning", "cluster")
    assert await one(deployed, here) == await one(deployed, there) == ("warning", "cluster")
    await put(deployed, here, "debug")
    assert await one(deployed, here) == ("debug", "node/node-1")
    entry = await deployed.store.get(keys.config("node/node-1", "log.level"))
    assert entry is not None
    assert decode(entry.value, ConfigRecord) == ConfigRecord(value="debug")
    taken = (await deployed.call("DELETE", f"config/{here}")).json()
    assert (taken["in_force"]["value"], taken["in_force"]["origin"]) == ("warning", "cluster")
    await deployed.call("DELETE", "config/cluster/log.level")
    assert await one(deployed, there) == ("error", "file")
    assert (await deployed.call("DELETE", f"config/{here}")).json()["changed"] is False


async def test_the_leaders_own_patience_is_the_clusters(deployed: ApiWorld) -> None:
    told = replace(node_record("node-1"), given={LOST: 30.0})
    other = replace(node_record("node-2"), given={LOST: 60.0})
    await deployed.put({keys.node(told.node): encode(told), keys.node(other.node): encode(other)})
    assert await one(deployed, f"cluster/{LOST}") == (30.0, "file")
    assert await one(deployed, f"node/node-2/{LOST}") == (30.0, "file")
    refused = await put(deployed, "cluster/control.suspect_after_s", 30)
    assert refused.status == 422
    assert "control.lost_after_s 30 (file)" in refused.json()["detail"]


async def own_rows(deployed: ApiWorld) -> list[dict[str, Any]]:
    """The settings of the slice that are not Aether's."""
    rows = (await deployed.call("GET", f"config?scope=slice/{SHOP}")).items()
    return [row for row in rows if row["meaning"] == "the slice's own"]


async def test_aethers_own_settings_of_a_slice_are_checked_and_not_handed_to_it(
    deployed: ApiWorld,
) -> None:
    path = f"slice/{SHOP}/scaling.target_utilisation"
    await put(deployed, path, 0.6)
    row = (await deployed.call("GET", f"config/{path}")).json()
    assert (row["value"], row["origin"]) == (0.6, f"slice/{SHOP}")
    body = json.dumps({"value": 7}).encode()
    refused = await deployed.call("PUT", f"config/{path}", body)
    assert refused.status == 422
    assert "from 0.1 to 0.95" in refused.json()["detail"]
    assert all(row["name"] != "scaling.target_utilisation" for row in await own_rows(deployed))


async def test_a_slices_own_settings(deployed: ApiWorld) -> None:
    priced = replace(target(), config={"currency": "EUR", "limit": 5})
    await deployed.put({keys.target(SHOP): encode(priced)})
    rows = await own_rows(deployed)
    assert [(row["name"], row["value"], row["origin"]) for row in rows] == [
        ("currency", "EUR", "blueprint"),
        ("limit", 5, "blueprint"),
    ]
    await put(deployed, f"slice/{SHOP}/currency", {"code": "USD"})
    await put(deployed, f"slice/{SHOP}/new", None)
    rows = await own_rows(deployed)
    assert [(row["name"], row["value"], row["origin"]) for row in rows] == [
        ("currency", {"code": "USD"}, f"slice/{SHOP}"),
        ("limit", 5, "blueprint"),
        ("new", None, f"slice/{SHOP}"),
    ]
    taken = (await deployed.call("DELETE", f"config/slice/{SHOP}/new")).json()
    assert (taken["changed"], taken["in_force"]) == (True, None)
    missing = await deployed.call("GET", f"config/slice/{SHOP}/curency")
    assert missing.status == 404
    assert "did you mean 'currency'?" in missing.json()["detail"]


async def test_the_list_has_the_clusters_and_all_that_was_changed(deployed: ApiWorld) -> None:
    await put(deployed, "node/node-2/log.level", "debug")
    await put(deployed, f"slice/{SHOP}/limit", 1)
    rows = (await deployed.call("GET", "config")).items()
    of_cluster = [row["name"] for row in rows if row["scope"] == "cluster"]
    assert of_cluster == sorted(n for n, s in SETTINGS.items() if "cluster" in s.scopes)
    assert [(row["scope"], row["name"]) for row in rows[len(of_cluster) :]] == [
        ("node/node-2", "log.level"),
        (f"slice/{SHOP}", "limit"),
    ]
    rows = (await deployed.call("GET", "config?scope=node/node-2")).items()
    assert [row["name"] for row in rows] == sorted(SETTINGS)
    page = (await deployed.call("GET", "config?limit=2")).json()
    rest = (await deployed.call("GET", f"config?limit=1000&cursor={page['next']}")).items()
    assert len(page["items"]) + len(rest) == len(of_cluster) + 2


async def test_changes_of_what_is_gone_are_seen_and_taken_back(deployed: ApiWorld) -> None:
    gone = keys.config("node/node-9", "log.level")
    await deployed.put({gone: encode(ConfigRecord(value="debug"))})
    assert await one(deployed, "node/node-9/log.level") == ("debug", "node/node-9")
    assert (await deployed.call("DELETE", "config/node/node-9/log.level")).json()["changed"] is True
    assert (await deployed.call("GET", "config/node/node-9/log.level")).status == 404


@pytest.mark.parametrize(
    ("path", "value", "status", "says"),
    [
        ("cluster/control.lost_after", 9, 422, "did you mean"),
        (f"cluster/{LOST}", "soon", 422, "a number from 0.5 to 3600 s"),
        (f"cluster/{LOST}", 1.5, 422, "control.suspect_after_s would be 2 (default)"),
        (f"node/node-1/{LOST}", 9, 422, "is set for the cluster"),
        ("node/node-3/log.level", "info", 404, "there is no node node-3"),
        ("slice/org.example:shpo/a", 1, 404, "there is no slice"),
        ("slice/nonsense/a", 1, 422, "nonsense"),
        ("zone/west/log.level", "info", 422, "is no scope"),
        ("log.level", "info", 422, "names no setting"),
        ("cluster/", "info", 422, "names no setting"),
        (f"slice/{SHOP}/note", "x" * 70_000, 422, "the limit is 65536"),
    ],
)
async def test_what_cannot_be_is_refused_and_changes_nothing(
    deployed: ApiWorld, path: str, value: object, status: int, says: str
) -> None:
    before = deployed.store.revision
    answer = await put(deployed, path, value)
    assert (answer.status, deployed.store.revision) == (status, before)
    assert says in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"{}", 422),
        (b'{"value": 1, "more": 2}', 422),
        (b'{"value": 1e400}', 400),
        (b'{"value": "' + b"x" * BODY_BYTES + b'"}', 413),
    ],
)
async def test_a_body_is_one_value(deployed: ApiWorld, body: bytes, status: int) -> None:
    assert (await deployed.call("PUT", f"config/cluster/{LOST}", body)).status == status


async def test_changes_are_made_by_the_leader(follower: ApiWorld) -> None:
    await put(follower, f"cluster/{LOST}", 9)
    assert [leader for leader, _ in follower.link.asked] == ["node-0"]
    assert follower.context.node == NODE
