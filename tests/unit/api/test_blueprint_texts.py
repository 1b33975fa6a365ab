"""Texts in a body: long ones are read off the loop; changes take turns."""

import asyncio

import pytest

from aether.api import blueprint_texts
from tests.api_world import BLUEPRINT, SHOP_1, ApiWorld
from tests.worlds import APP, nodes, with_artifact


async def test_a_long_text_is_read_like_a_short_one(world: ApiWorld) -> None:
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    long = BLUEPRINT + "# \n" * blueprint_texts.SHORT_TEXT
    answer = await world.call("POST", "blueprints", long.encode())
    assert (answer.status, answer.json()["changed"]) == (200, True)
    wrong = (long + "x = ").encode()
    assert (await world.call("POST", "blueprints", wrong)).status == 400
    odd = await world.call("POST", "blueprints", (long + "oops = 1\n").encode())
    assert (odd.status, odd.json()["code"]) == (422, "blueprint_invalid")


async def test_changes_at_once_all_land_in_some_order(world: ApiWorld) -> None:
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    texts = [BLUEPRINT.replace("1.0.0", f"1.0.{number}", 1) for number in range(12)]
    answers = await asyncio.gather(
        *(world.call("POST", "blueprints", text.encode()) for text in texts)
    )
    assert [answer.status for answer in answers] == [200] * 12
    assert (await world.call("GET", f"blueprints/{APP}")).json()["generation"] == 12


async def test_of_two_blueprints_that_want_one_slice_one_gets_it(world: ApiWorld) -> None:
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    other = BLUEPRINT.replace(APP, "org.example:other", 1)
    answers = await asyncio.gather(
        *(world.call("POST", "blueprints", text.encode()) for text in (BLUEPRINT, other))
    )
    assert sorted(answer.status for answer in answers) == [200, 409]


async def test_who_waits_too_long_for_a_turn_is_told_so(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blueprint_texts, "TURN_S", 0.01)
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    async with world.context.blueprint_turn:
        answer = await world.call("POST", "blueprints", BLUEPRINT.encode())
    assert (answer.status, answer.json()["code"]) == (503, "overloaded")
    assert (await world.call("POST", "blueprints", BLUEPRINT.encode())).status == 200


@pytest.mark.parametrize("path", ["blueprints/validate", "blueprints", "blueprints/plan"])
async def test_what_is_wrong_with_a_text_hides_nothing_the_cluster_would_refuse(
    deployed: ApiWorld, path: str
) -> None:
    text = (
        f'id = "org.example:other:1.0.0"\ncolour = 1\n[[slices]]\nartifact = "{SHOP_1}"\n'
        'instances = 0\n[[slices]]\nartifact = "org.example:shpo:1.0.0"\n'
    )
    for padding in ("", "# \n" * blueprint_texts.SHORT_TEXT):
        answer = await deployed.call("POST", f"{path}?source=b.toml", (text + padding).encode())
        assert (answer.status, answer.json()["code"]) == (422, "blueprint_invalid")
        assert [problem.partition(": ")[0] for problem in answer.json()["problems"]] == [
            "b.toml:2:1", "b.toml:5:1", "b.toml:7:1", "b.toml:4:1",
        ]  # fmt: skip
        unpushed, foreign = answer.json()["problems"][2:]
        assert "artifact org.example:shpo:1.0.0 is not in the cluster; did you mean" in unpushed
        assert f"belongs to blueprint {APP}" in foreign


async def test_a_text_that_is_not_utf_8_is_told_where(world: ApiWorld) -> None:
    body = b'id = "x"\n# caf\xe9\n'
    answer = await world.call("POST", "blueprints/validate?source=b.toml", body)
    assert (answer.status, answer.json()["code"]) == (400, "malformed")
    assert answer.json()["detail"] == "b.toml:2:6: not UTF-8 text: byte 0xe9"
