"""A model of one's own on a running cluster: taken by every node it is given to, refused when it is broken."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aether.forecast.card import CARD, MODEL, SHIPPED
from e2e.forge import Forge, running_forge, wait_until

MINE = "trained-on-my-own"
HELLO = ("--artifact", "examples/asgi_app", "--blueprint", "blueprints/asgi_app.toml")
"""A slice to forecast: without one no model is loaded."""
REACTIVE = "no forecasts, scaling is reactive only: "


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    with running_forge(5920, *HELLO) as cluster:
        yield cluster


def named_copy(folder: Path, name: str) -> Path:
    """The shipped model under another name: as whole as one that was trained anew."""
    folder.mkdir()
    (folder / MODEL).write_bytes((SHIPPED / MODEL).read_bytes())
    (folder / CARD).write_text(
        json.dumps({**json.loads((SHIPPED / CARD).read_text()), "name": name})
    )
    return folder


def give(forge: Forge, folder: Path) -> None:
    """Name the folder in the file that all nodes read, and start one node after another again."""
    (forge.data_dir / "node.toml").write_text(f'[forecast]\nmodel = "{folder}"\n')
    for node in (1, 2, 3):
        before = lives(forge)[node]
        forge.command("kill", f"node-{node}")
        forge.command("start", f"node-{node}")
        back = partial(is_back, forge, node, before)
        wait_until("it lives again", back, 60)


def lives(forge: Forge) -> dict[int, str]:
    nodes = forge.api(forge.leader(), "nodes").json()["items"]
    return {int(one["node"].rpartition("-")[2]): one["incarnation"] for one in nodes}


def is_back(forge: Forge, node: int, before: str) -> bool:
    told = forge.api(node, f"nodes/node-{node}").json()
    return bool(told["incarnation"] != before and told["verdict"] == "ON_DUTY")


def status(forge: Forge, node: int) -> dict[str, Any]:
    answer = forge.api(node, "forecast/status")
    return dict(answer.json()) if answer.status == 200 else {}


def name_at(forge: Forge, node: int) -> str:
    """The model a node forecasts by when it leads; nothing where it has none."""
    model = status(forge, node).get("model")
    return str(model["name"]) if model else ""


def is_loaded(forge: Forge) -> bool:
    """Whether the node that leads has the model running, and forecasts by it."""
    told = status(forge, forge.leader())
    return bool(told) and told["batches"] is not None and told["batches"]["failed"] == 0


@pytest.mark.timeout(300)
def test_a_model_of_ones_own_is_taken_and_a_broken_one_refused(
    forge: Forge, tmp_path: Path
) -> None:
    shipped = json.loads((SHIPPED / CARD).read_text())["name"]
    wait_until("the shipped model", lambda: name_at(forge, forge.leader()) == shipped, 30)

    mine = named_copy(tmp_path / "mine", MINE)
    give(forge, mine)
    wait_until("every node", lambda: {name_at(forge, node) for node in (1, 2, 3)} == {MINE}, 30)
    wait_until("it is loaded", lambda: is_loaded(forge), 60)
    assert status(forge, forge.leader())["problem"] == ""
    assert f"model {MINE}, steps of 60 s" in forge.aether("forecast", "status").stderr

    broken = named_copy(tmp_path / "broken", "damaged-on-the-way")
    data = bytearray((broken / MODEL).read_bytes())
    data[len(data) // 2] ^= 1
    (broken / MODEL).write_bytes(data)
    give(forge, broken)
    wait_until("it is refused", lambda: REACTIVE in status(forge, forge.leader())["problem"], 30)
    for node in (1, 2, 3):
        told = status(forge, node)
        assert told["model"] is None, "neither the one before nor the shipped one steps in"
        assert told["batches"] is None
        assert told["problem"].startswith(f"{REACTIVE}{broken / MODEL} has SHA-256 ")
        assert told["problem"].endswith("train it anew or restore both")
        log = forge.data_dir / f"node-{node}" / "logs" / "node.log"
        assert "no forecaster: scaling is reactive only" in log.read_text()
    said = forge.aether("forecast", "status").stderr
    assert REACTIVE in said
    assert "train it anew or restore both" in said

    (broken / MODEL).write_bytes((SHIPPED / MODEL).read_bytes())
    give(forge, broken)
    wait_until("mended", lambda: name_at(forge, forge.leader()) == "damaged-on-the-way", 30)
