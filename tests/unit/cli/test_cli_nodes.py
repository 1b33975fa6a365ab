"""`aether node …`."""

import json

from tests.cli_world import Answer, FakeApi, page, problem
from tests.unit.cli.conftest import Aether

NODE = {
    "node": "node-1", "verdict": "ON_DUTY", "leader": True, "role": "voter", "instances": 1,
    "management": "127.0.0.1:5151", "router": "127.0.0.1:8071", "version": "",
}  # fmt: skip


def test_list(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "nodes?limit=1000", page(NODE))
    heading, row = aether("node", "list").out.splitlines()
    assert heading.split()[:4] == ["NODE", "VERDICT", "LEADER", "ROLE"]
    assert row.split()[:4] == ["node-1", "ON_DUTY", "yes", "voter"]
    assert json.loads(aether("node", "list", "-o", "json").out) == [NODE]


def test_get(api: FakeApi, aether: Aether) -> None:
    hosted = [{"instance": "g:a:1.0.0/0", "desired": "ACTIVATE", "phase": "ACTIVE"}]
    api.on("GET", "nodes/node-1", Answer(value={**NODE, "hosted": hosted}))
    out = aether("node", "get", "node-1").out
    assert "verdict:     ON_DUTY" in out
    assert "g:a:1.0.0/0  ACTIVATE  ACTIVE" in out
    api.on("GET", "nodes/node-1", Answer(value={**NODE, "hosted": []}))
    assert "INSTANCE" not in aether("node", "get", "node-1").out


def test_a_node_that_is_not_there(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "nodes/node-9", problem(404, "there is no node node-9", "not_found"))
    ran = aether("node", "get", "node-9")
    assert (ran.code, ran.out) == (3, "")
    assert "there is no node node-9" in ran.err
