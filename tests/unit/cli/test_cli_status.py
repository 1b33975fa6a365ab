"""`aether status`."""

import json

from tests.cli_world import Answer, FakeApi
from tests.unit.cli.conftest import Aether

STATUS = {
    "cluster": "c-1", "node": "node-1", "version": "0.1.0", "leader": "node-2", "epoch": 3,
    "revision": 17, "ready": True, "reasons": [], "nodes": {"ON_DUTY": 2, "LOST": 1},
    "blueprints": {}, "slices": 2, "instances": {"wanted": 5, "active": 4}, "unreadable": {},
}  # fmt: skip


def test_the_screen(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "status", Answer(value=STATUS))
    ran = aether("status")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "cluster:     c-1",
        "asked:       node-1 (ready)",
        "leader:      node-2",
        "revision:    17",
        "nodes:       1 LOST, 2 ON_DUTY",
        "blueprints:  none",
        "slices:      2",
        "instances:   4 of 5 serve",
        "version:     0.1.0",
    ]
    assert json.loads(aether("status", "-o", "json").out) == STATUS


def test_what_is_wrong_is_shown(api: FakeApi, aether: Aether) -> None:
    ill = {
        **STATUS, "leader": None, "ready": False, "reasons": ["no leader is known"],
        "unreadable": {"wanted/x": "not a WantedRecord"},
    }  # fmt: skip
    api.on("GET", "status", Answer(value=ill))
    out = aether("status").out
    assert "none: nothing can be changed now" in out
    assert "node-1 (not ready)" in out
    assert "no leader is known" in out
    assert "wanted/x: not a WantedRecord" in out
