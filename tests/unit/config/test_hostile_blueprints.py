"""Hostile blueprints, by their text and by what a cluster says to them: refused quickly, or harmless."""

import time

import pytest

from aether.config.blueprint import BlueprintDraft, read_blueprint
from aether.core.control.admission import MAX_PROBLEMS, Admitted, Rejected, admit_blueprint
from aether.core.model.ids import Artifact, SliceBase
from aether.core.model.records import BlueprintRecord, Route
from aether.core.model.view import ClusterView
from aether.errors import BlueprintInvalid, ConfigInvalid, Invalid, TooLarge
from tests.hostile_blueprints import (
    LOOP_A,
    LOOP_B,
    ORPHAN,
    OWN,
    RIVAL,
    TAKEN,
    VICTIM,
    Hostile,
    hostile_blueprints,
)
from tests.worlds import nodes, spec, with_artifact

ALL = list(hostile_blueprints())
SLOWEST_S = 20.0
"""Far above what any takes (0.5 s of an idle processor); a bomb that goes off takes minutes."""


def cluster() -> ClusterView:
    own = [Route(method="GET", pattern="/own")]
    view = nodes("n1")
    for artifact in (OWN, RIVAL):
        view = with_artifact(view, artifact, routes=own)
    view = with_artifact(view, LOOP_A, needs=["org.example:loop-b"])
    view = with_artifact(view, LOOP_B, needs=["org.example:loop-a"])
    view = with_artifact(view, ORPHAN, needs=["org.example:nowhere"])
    view = with_artifact(view, TAKEN)
    record = BlueprintRecord(id=Artifact(f"{VICTIM}:1.0.0"), generation=1, slices=(spec(TAKEN),))
    return ClusterView(
        nodes=view.nodes,
        verdicts=view.verdicts,
        artifacts=view.artifacts,
        blueprints={SliceBase(VICTIM): record},
    )


def read(text: str) -> BlueprintDraft | Invalid | TooLarge:
    try:
        return read_blueprint(text, "b.toml")
    except (Invalid, TooLarge) as refused:
        return refused


def judged(text: str) -> str:
    match read(text):
        case BlueprintDraft() as draft:
            decision = admit_blueprint(cluster(), draft.id, draft.slices, draft.source)
            if isinstance(decision, Admitted):
                return "harmless"
            assert len(decision.problems) <= MAX_PROBLEMS + 1
            assert len(draft.locate_all(decision.problems)) == len(decision.problems)
            return "conflict" if decision.code == "conflict" else "rejected"
        case TooLarge():
            return "too_large"
        case ConfigInvalid():
            return "malformed"
        case BlueprintInvalid(problems=problems):
            assert 0 < len(problems) <= MAX_PROBLEMS + 1
            assert all(len(problem) < 1_000 for problem in problems)
            return "invalid"
        case other:
            raise AssertionError(other)


@pytest.mark.parametrize("hostile", ALL, ids=lambda hostile: hostile.name)
def test_each_is_refused_as_expected_in_bounded_time(hostile: Hostile) -> None:
    began = time.process_time()
    assert judged(hostile.text) == hostile.expected
    assert time.process_time() - began < SLOWEST_S


def test_there_are_sixty_and_every_kind_of_refusal_is_among_them() -> None:
    assert len(ALL) >= 60
    assert len({hostile.name for hostile in ALL}) == len(ALL)
    kinds = {"malformed", "invalid", "too_large", "rejected", "conflict", "harmless"}
    assert {hostile.expected for hostile in ALL} == kinds


def test_the_unreadable_is_told_in_a_short_sentence() -> None:
    unread = [hostile for hostile in ALL if hostile.expected in ("malformed", "too_large")]
    for hostile in unread:
        refused = read(hostile.text)
        assert isinstance(refused, ConfigInvalid | TooLarge)
        assert len(refused.message) < 500, hostile.name


def test_a_refusal_names_the_reason_of_the_cluster() -> None:
    (draft,) = [
        found
        for hostile in ALL
        if hostile.name == "half a circle, the rest added"
        and isinstance(found := read(hostile.text), BlueprintDraft)
    ]
    decision = admit_blueprint(cluster(), draft.id, draft.slices, draft.source)
    assert isinstance(decision, Rejected)
    assert "in a circle: " in decision.problems[0]
