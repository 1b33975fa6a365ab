from dataclasses import replace
from pathlib import Path

from aether.api.node_conditions import ends_of
from aether.api.service import Api
from aether.ports import ApiRequest, ApiResponse
from tests.api_world import ApiWorld
from tests.certificates import Authority


async def test_a_node_says_how_it_is(world: ApiWorld, tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("node-1")
    ends = ends_of([str(files.certificate)])
    world.now_s = ends[str(files.certificate)] - 86_400 * 1.5
    context = replace(world.context, certificates=(str(files.certificate),))
    request = ApiRequest(method="GET", path="/api/v1/nodes/node-1/conditions")
    told = await Api(context).handle(request)
    assert b'"condition":"ok"' in told.body
    assert b'"certificate_days":1.5' in told.body


async def test_another_node_is_asked_once(world: ApiWorld) -> None:
    world.link.answer = ApiResponse(status=200, body=b'{"condition": "disk_full"}')
    answer = await world.call("GET", "nodes/node-2/conditions")
    assert answer.json() == {"condition": "disk_full"}
    asked = world.link.asked[0][1]
    again = await world.call("GET", "nodes/node-2/conditions", headers=asked.headers)
    assert again.status == 503  # two nodes that take each other for a third do not ask for ever


def test_what_cannot_be_read_has_ended(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    paths = [str(broken), str(tmp_path / "gone.pem")]
    assert ends_of(paths) == dict.fromkeys(paths, 0.0)
