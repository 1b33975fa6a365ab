"""`aether topology …`."""

import json

from tests.cli_world import Answer, FakeApi, problem
from tests.unit.cli.conftest import Aether

TOPOLOGY = {
    "wanted": {"nodes": 3, "max_nodes": 5},
    "nodes": 2,
    "verdicts": {"ON_DUTY": 1, "LOST": 1},
    "roles": {"voter": 2},
    "zones": [
        {"zone": "", "nodes": [{"node": "node-1", "role": "voter", "verdict": "ON_DUTY"}]},
        {"zone": "west", "nodes": [{"node": "node-2", "role": "voter", "verdict": "LOST"}]},
    ],
    "provisions": [{"node": "node-3", "attempt": 1, "problem": "no machine is free"}],
}


def test_show(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "topology", Answer(value=TOPOLOGY))
    lines = aether("topology", "show").out.splitlines()
    assert lines[0] == "wanted:    3, never over 5"
    assert "-     node-1  voter  ON_DUTY" in lines
    assert "west  node-2  voter  LOST" in lines
    assert "node-3    1    no machine is free" in lines
    assert json.loads(aether("topology", "show", "-o", "json").out) == TOPOLOGY
    api.on("GET", "topology", Answer(value={**TOPOLOGY, "wanted": None, "provisions": []}))
    out = aether("topology", "show").out
    assert "wanted:    nobody said" in out
    assert "STARTING" not in out


def test_set_and_unset(api: FakeApi, aether: Aether) -> None:
    api.on("PUT", "topology", Answer(value={"summary": "3 nodes of at most 5 are wanted"}))
    ran = aether("topology", "set", "--nodes", "3", "--max", "5")
    assert ran.out == "3 nodes of at most 5 are wanted\n"
    assert json.loads(api.asked[-1].body) == {"nodes": 3, "max_nodes": 5}
    api.on("DELETE", "topology", Answer(value={"summary": "none is wanted"}))
    assert aether("topology", "unset").out == "none is wanted\n"


def test_what_cannot_be_is_refused_here_or_there(api: FakeApi, aether: Aether) -> None:
    assert aether("topology", "set", "--nodes", "0", "--max", "5").code == 2
    assert aether("topology", "set", "--nodes", "3").code == 2
    assert api.asked == []
    api.on("PUT", "topology", problem(422, "6 nodes of at most 5 cannot be"))
    assert aether("topology", "set", "--nodes", "6", "--max", "5").code == 2
