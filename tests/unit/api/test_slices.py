"""Calls about slices."""

from tests.api_world import ApiWorld
from tests.worlds import SHOP


async def test_slices(deployed: ApiWorld) -> None:
    (listed,) = (await deployed.call("GET", "slices")).items()
    assert (listed["base"], listed["wanted"], listed["active"]) == (SHOP, 1, 1)
    one = (await deployed.call("GET", f"slices/{SHOP}")).json()
    assert one["instances"][0]["phase"] == "ACTIVE"
    assert (await deployed.call("GET", "slices/a:b")).status == 404


async def test_scale(deployed: ApiWorld) -> None:
    answer = await deployed.call("POST", f"slices/{SHOP}/scale", b'{"instances": 4}')
    assert (answer.status, answer.json()["changed"]) == (200, True)
    assert (await deployed.call("GET", f"slices/{SHOP}")).json()["wanted"] == 4
    for body, status in (
        (b'{"instances": 0}', 422),
        (b'{"instances": 101}', 422),
        (b'{"instances": "3"}', 422),
        (b'{"instances": 3, "x": 1}', 422),
        (b"[]", 422),
        (b"{", 400),
    ):
        assert (await deployed.call("POST", f"slices/{SHOP}/scale", body)).status == status, body
    assert (await deployed.call("POST", "slices/a:b/scale", b'{"instances": 1}')).status == 404
