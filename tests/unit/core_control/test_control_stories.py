"""Stories of a cluster in plain text: a command, a line of dashes, what the leader decides.

With AETHER_BLESS=1 the files are rewritten with what happens now; the difference is reviewed.

Commands: `nodes NAME...`, `slice NAME VERSION INSTANCES [key=value...]` (keys: needs, loss, surge, strategy,
budget; applies the blueprint with it), `drop NAME`, `scale NAME N`, `pass ROUNDS [SECONDS]` (the leader looks,
nodes answer at once), `look` (the leader alone), `kill NODE`, `revive NODE`, `break NAME:VERSION fatal|transient`,
`crash NAME`, `mend`, `drain NODE [force]`, `activate NODE`, `leader` (another one leads), `show`. Slices are of
group `x`.
"""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aether.core.control.status import blueprint_status, slice_statuses
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.plan import Command, Plan
from aether.core.model.records import (
    Dependency,
    DrainOrder,
    Failure,
    SliceSpec,
    Update,
    Verdict,
    VerdictRecord,
)
from aether.core.model.view import ClusterView
from tests.lives import OWNER, Life
from tests.worlds import node_record

STORIES = sorted((Path(__file__).parent / "stories").glob("*.txt"))
QUIET = {"target", "activate", "route"}
"""Rules whose sentences a story leaves out: they follow from the others."""


class Story:
    """The life of one story and the commands that steer it."""

    def __init__(self) -> None:
        self.life = Life(ClusterView())
        self.dice = Random(0)

    def tell(self, line: str) -> str:
        """Carry out one command; return what the leader decided, a line for each decision."""
        name, *words = line.split()
        said = getattr(self, "do_" + name)(*words) or []
        return "\n".join(said) or "ok"

    def do_nodes(self, *names: str) -> None:
        nodes = [NodeId(name) for name in names]
        on_duty = VerdictRecord(verdict=Verdict.ON_DUTY, incarnation="life-1")
        self.life.view = replace(
            self.life.view,
            nodes={node: node_record(node, capacity=20) for node in nodes},
            verdicts=dict.fromkeys(nodes, on_duty),
        )

    def do_slice(self, name: str, version: str, instances: str, *more: str) -> None:
        keys = dict(word.split("=") for word in more)
        surge = keys.get("surge")
        fields: dict[str, Any] = {
            "artifact": Artifact(f"x:{name}:{version}"),
            "instances": int(instances),
            "dependencies": tuple(
                Dependency(slice=SliceBase(f"x:{need}"))
                for need in keys.get("needs", "").split(",")
                if need
            ),
            "on_dependency_loss": keys.get("loss", "block"),
            "min_available": int(keys["budget"]) if "budget" in keys else None,
            "update": Update(
                strategy=keys.get("strategy", "rolling"),  # type: ignore[arg-type] # a story's word
                max_surge=int(surge) if surge else None,
            ),
        }
        specs = self.life.specs()
        specs[SliceBase(f"x:{name}")] = SliceSpec(**fields)
        self.life.apply(specs.values())

    def do_drop(self, name: str) -> None:
        specs = self.life.specs()
        del specs[SliceBase(f"x:{name}")]
        self.life.apply(specs.values())

    def do_scale(self, name: str, instances: str) -> None:
        self.life.scale(SliceBase(f"x:{name}"), int(instances))

    def do_pass(self, rounds: str, seconds: str = "1") -> list[str]:
        said: list[str] = []
        for _ in range(int(rounds)):
            said += [line for line in self.do_look(seconds) if line not in said[-3:]]
            self.life.answer(self.dice)
        return said

    def do_look(self, seconds: str = "1") -> list[str]:
        self.life.now += float(seconds)
        return list(told(self.life.look()))

    def do_kill(self, node: str) -> None:
        self.life.kill(NodeId(node))

    def do_revive(self, node: str) -> None:
        self.life.revive(NodeId(node))

    def do_break(self, artifact: str, kind: str) -> None:
        failure = Failure(kind=kind, message="it broke")  # type: ignore[arg-type] # a story's word
        self.life.broken[Artifact(f"x:{artifact}")] = failure

    def do_crash(self, name: str) -> None:
        self.life.crash(SliceBase(f"x:{name}"))

    def do_mend(self) -> None:
        self.life.broken.clear()

    def do_drain(self, node: str, force: str = "") -> None:
        self.life.drain(NodeId(node))
        if force:
            order = DrainOrder(by="test", force=True)
            verdicts = dict(self.life.view.verdicts)
            verdicts[NodeId(node)] = replace(verdicts[NodeId(node)], drain=order)
            self.life.view = replace(self.life.view, verdicts=verdicts)

    def do_activate(self, node: str) -> None:
        self.life.activate(NodeId(node))

    def do_leader(self) -> None:
        self.life.new_leader()

    def do_show(self) -> list[str]:
        view = self.life.view
        nodes = [f"{node} {verdict.verdict}" for node, verdict in sorted(view.verdicts.items())]
        status = blueprint_status(view, OWNER)
        said = [", ".join(nodes), f"blueprint {status.state if status else 'gone'}"]
        for found in slice_statuses(view):
            where = ", ".join(
                f"{one.instance.version}/{one.instance.ordinal} on {one.node} {one.phase or 'gone'}"
                for one in found.instances
            )
            said.append(f"{found.base}: {found.active} of {found.wanted} ({where or 'none'})")
            said += [f"  {sentence}" for sentence in (*found.reasons, *found.degraded)]
        return said


def told(plan: Plan) -> Iterable[str]:
    """Return the decisions that tell the story, one line each, and what waits when nothing is done."""
    shown: list[Command] = [c for c in plan.commands if c.because.rule not in QUIET]
    for command in shown:
        yield f"{command.because.rule}: {command.because.text}"
    if not plan.commands:
        yield from (f"waits: {sentence}" for sentence in plan.waiting)


def steps(text: str) -> list[str]:
    return [block for block in text.split("\n\n") if block.strip()]


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_story(path: Path) -> None:
    story, written = Story(), []
    for block in steps(path.read_text()):
        lines = block.strip("\n").split("\n")
        head = [line for line in lines if line.startswith("#")]
        command = next(line for line in lines if not line.startswith("#"))
        written.append("\n".join([*head, command, "----", story.tell(command)]))
    now = "\n\n".join(written) + "\n"
    if os.environ.get("AETHER_BLESS"):
        path.write_text(now)
    assert path.read_text() == now


def test_there_are_stories_of_all_main_paths() -> None:
    assert len(STORIES) >= 8
