"""`aether controller …`."""

import json
from typing import Any

from tests.cli_world import Answer, FakeApi
from tests.unit.cli.conftest import Aether

SHOP = "org.example:shop"
NODES = {"text": "load asks for no nodes", "wish": "same"}
SCALED: dict[str, Any] = {
    "slice": SHOP, "scaled": True, "instances": 3, "ready": 2, "bounds": {"least": 2, "most": 8},
    "rate": 61.53, "utilisation": 0.412, "rule": "scaling.load", "text": "2 → 3: 61.5 requests/s",
}  # fmt: skip
FIXED = {"slice": "org.example:stock", "scaled": False, "instances": 1, "text": "not scaled"}


def test_status_shows_load_bounds_and_why(api: FakeApi, aether: Aether) -> None:
    told = {"leader": "node-1", "slices": [SCALED, FIXED], "nodes": NODES}
    api.on("GET", "controller/status", Answer(value=told))
    lines = aether("controller", "status").out.splitlines()
    assert lines[0].split() == [
        "SLICE",
        "WANTED",
        "READY",
        "BOUNDS",
        "REQ/S",
        "USE_%",
        "RULE",
        "WHY",
    ]
    assert lines[1].split()[:7] == [SHOP, "3", "2", "2-8", "61.5", "41", "scaling.load"]
    assert "not scaled" in lines[2]
    assert lines[-1] == "nodes: load asks for no nodes"
    assert json.loads(aether("-o", "json", "controller", "status").out) == told


def test_config_shows_where_values_come_from(api: FakeApi, aether: Aether) -> None:
    setting = {"name": "scaling.hold_s", "value": 300.0, "origin": "default"}
    told = {
        "slices": [
            {"slice": SHOP, "scaling": {"least": 2}, "settings": [setting]},
            {"slice": "org.example:stock", "scaling": None, "settings": [setting]},
        ]
    }
    api.on("GET", "controller/config", Answer(value=told))
    lines = aether("controller", "config").out.splitlines()
    assert lines[1].split() == [SHOP, "scaling.hold_s", "300.0", "default"]
    assert len(lines) == 2, "a slice that is not scaled has no need of settings"
    api.on("GET", "controller/config?slice=org.example%3Astock", Answer(value=told))
    assert len(aether("controller", "config", "--slice", "org.example:stock").out.splitlines()) == 3


def test_evaluate_shows_all_of_the_reason(api: FakeApi, aether: Aether) -> None:
    one = {
        **SCALED, "kind": "up", "inputs": {"target": 2, "demand": 61.5},
        "rejected": {"5 by load": "bounds 2 to 3"},
    }  # fmt: skip
    told = {"commands": [], "scaling": {"slices": [one, {**one, "slice": "a:b"}], "nodes": NODES}}
    api.on("GET", "controller/evaluate", Answer(value=told))
    out = aether("controller", "evaluate", "--slice", SHOP).out
    assert out.splitlines()[0] == f"{SHOP}: up by scaling.load: 2 → 3: 61.5 requests/s"
    assert "not 5 by load: bounds 2 to 3" in out
    assert "demand:" in out
    assert "a:b" not in out
    assert "a:b" in aether("controller", "evaluate").out


def test_decisions_are_listed_newest_first(api: FakeApi, aether: Aether) -> None:
    taken = {
        "number": 7, "slice": SHOP, "actor": "controller", "before": 2, "wanted": 3,
        "rule": "scaling.load", "replayed": True, "text": "more",
    }  # fmt: skip
    answer = Answer(value={"leader": "node-1", "items": [taken]})
    api.on("GET", f"controller/decisions?slice={SHOP.replace(':', '%3A')}&limit=5", answer)
    lines = aether("controller", "decisions", "--slice", SHOP, "--limit", "5").out.splitlines()
    assert lines[1].split() == ["7", SHOP, "controller", "2", "3", "scaling.load", "yes", "more"]
    assert aether("controller", "decisions", "--limit", "0").code == 2
