"""A query is known to the last parameter, or nothing is done."""

import pytest

from aether.api.endpoint import Endpoint
from aether.api.problems import Malformed
from aether.api.query import read_query
from aether.api.routes import ENDPOINTS
from aether.errors import Invalid
from tests.api_world import BLUEPRINT, ApiWorld
from tests.worlds import APP, SHOP

BY_NAME: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in ENDPOINTS}


def test_parameters_are_decoded_and_empty_ones_kept() -> None:
    found = read_query("prefix=a%20b&limit=", BY_NAME["kv.range"])
    assert found == {"prefix": "a b", "limit": ""}
    assert read_query("", BY_NAME["node.activate"]) == {}


def test_every_problem_is_named_with_a_guess() -> None:
    with pytest.raises(Invalid) as refused:
        read_query("plam=1&plan=x&plan=&zzzzzz=1", BY_NAME["slice.scale"])
    path = "/api/v1/slices/{base}/scale"
    assert refused.value.fields["problems"] == [
        f"POST {path} has no query parameter 'plam'; did you mean 'plan'?",
        "query parameter 'plan' is given twice",
        f"POST {path} has no query parameter 'zzzzzz'; known: plan",
    ]
    with pytest.raises(Invalid, match="takes no query parameter, got 'force'"):
        read_query("force=true", BY_NAME["node.activate"])


@pytest.mark.parametrize("text", ["&".join(["a=1"] * 99), "a=%ff"])
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(Malformed):
        read_query(text, BY_NAME["kv.range"])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"slices/{SHOP}/scale?plam=aa", b'{"instances": 2}'),
        ("POST", "nodes/node-2/drain?force=maybe", b""),
        ("DELETE", f"blueprints/{APP}?purge=true", b""),
        ("POST", "blueprints?dry_run=true", BLUEPRINT.encode()),
        ("DELETE", "kv/flag?if_revision=1", b""),
        ("GET", "nodes?lmit=1", b""),
    ],
)
async def test_a_mistyped_condition_is_never_a_change_without_it(
    deployed: ApiWorld, method: str, path: str, body: bytes
) -> None:
    before = deployed.store.revision
    answer = await deployed.call(method, path, body)
    assert (answer.status, answer.json()["code"]) == (422, "invalid"), answer.body
    assert deployed.store.revision == before


async def test_a_follower_refuses_before_it_asks_the_leader(follower: ApiWorld) -> None:
    answer = await follower.call("POST", "nodes/node-2/drain?plam=1")
    assert answer.status == 422
    assert follower.link.asked == []
