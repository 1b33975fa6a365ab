"""Generations of a blueprint over the API: kept, told apart, brought back."""

from aether.core.control.admission_history import KEPT
from aether.core.model import keys
from aether.core.store.commands import Delete, Txn
from tests.api_world import BLUEPRINT, BY_TEST, SHOP_1, ApiWorld
from tests.worlds import APP, nodes, with_artifact

TWO = BLUEPRINT.replace("1.0.0", "1.1.0", 1) + "instances = 2\n"


async def apply(world: ApiWorld, text: str) -> dict[str, object]:
    answer = await world.call("POST", "blueprints", text.encode())
    assert answer.status == 200, answer.body
    return answer.json()


async def test_what_was_applied_is_kept_with_who_and_when(world: ApiWorld) -> None:
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    await apply(world, BLUEPRINT)
    await apply(world, TWO)
    rows = (await world.call("GET", f"blueprints/{APP}/history")).items()
    assert [(row["generation"], row["current"], row["instances"]) for row in rows] == [
        (2, True, 2),
        (1, False, 1),
    ]
    assert rows[0]["applied_by"] == "api:anonymous"
    assert rows[0]["applied_at_ms"] > 1_600_000_000_000
    first = (await world.call("GET", f"blueprints/{APP}/history/1")).json()
    assert (first["id"], first["source"]) == (f"{APP}:1.0.0", BLUEPRINT)
    assert (await world.call("GET", f"blueprints/{APP}/history?limit=1")).items() == rows[:1]


async def test_two_generations_are_compared(world: ApiWorld) -> None:
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    await apply(world, BLUEPRINT)
    await apply(world, TWO)
    told = (await world.call("GET", f"blueprints/{APP}/diff")).json()
    assert (told["from"], told["to"], told["added"], told["removed"]) == (1, 2, [], [])
    assert [(each["name"], each["before"], each["after"]) for each in told["changed"]] == [
        ("instances", 1, 2),
        ("scaling.least", 1, 2),
    ]
    back = (await world.call("GET", f"blueprints/{APP}/diff?from=2&to=1")).json()
    assert [(each["before"], each["after"]) for each in back["changed"]] == [(2, 1), (2, 1)]


async def test_an_old_generation_comes_back_as_a_new_one(world: ApiWorld) -> None:
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    await apply(world, BLUEPRINT)
    await apply(world, TWO)
    answer = await world.call("POST", f"blueprints/{APP}/history/1/apply")
    assert (answer.status, answer.json()["changed"]) == (200, True)
    now = (await world.call("GET", f"blueprints/{APP}")).json()
    assert (now["generation"], now["id"], now["source"]) == (3, f"{APP}:1.0.0", BLUEPRINT)
    again = (await world.call("POST", f"blueprints/{APP}/history/3/apply")).json()
    assert again["changed"] is False


async def test_the_history_outlives_the_blueprint_and_its_numbers_go_on(world: ApiWorld) -> None:
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    await apply(world, BLUEPRINT)
    assert (await world.call("DELETE", f"blueprints/{APP}")).status == 200
    rows = (await world.call("GET", f"blueprints/{APP}/history")).items()
    assert [(row["generation"], row["current"]) for row in rows] == [(1, False)]
    assert (await world.call("POST", f"blueprints/{APP}/history/1/apply")).status == 200
    assert (await world.call("GET", f"blueprints/{APP}")).json()["generation"] == 2


async def test_only_so_many_are_kept(world: ApiWorld) -> None:
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    for number in range(KEPT + 3):
        await apply(world, BLUEPRINT.replace("1.0.0", f"1.0.{number}", 1))
    rows = (await world.call("GET", f"blueprints/{APP}/history")).items()
    assert [row["generation"] for row in rows] == list(range(KEPT + 3, 3, -1))


async def test_what_cannot_come_back_is_refused_with_reasons(world: ApiWorld) -> None:
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    await apply(world, BLUEPRINT)
    await apply(world, TWO)
    gone = keys.artifact(next(iter(with_artifact(nodes(), SHOP_1).artifacts)))
    await world.store.txn(Txn((Delete(gone),), BY_TEST))
    answer = await world.call("POST", f"blueprints/{APP}/history/1/apply")
    assert answer.status == 422
    assert f"artifact {SHOP_1} is not in the cluster" in answer.json()["problems"][0]


async def test_what_is_not_there_is_not_found(world: ApiWorld) -> None:
    await world.hold(with_artifact(nodes("node-1"), SHOP_1))
    assert (await world.call("GET", f"blueprints/{APP}/history")).status == 404
    await apply(world, BLUEPRINT)
    for path in ("history/7", "history/7/apply"):
        method = "POST" if path.endswith("apply") else "GET"
        answer = await world.call(method, f"blueprints/{APP}/{path}")
        assert (answer.status, "kept: 1" in answer.body.decode()) == (404, True)
    for path in ("history/0", "history/x", "history/-1", f"history/{'9' * 30}", "diff?from=x"):
        assert (await world.call("GET", f"blueprints/{APP}/{path}")).status == 422
