"""A question survives being written into a reason."""

from dataclasses import dataclass

import pytest

from aether.core.control.evidence import DECISION, read, show, write
from aether.core.model.ids import Artifact, NodeId


@dataclass(frozen=True)
class Question:
    node: NodeId
    artifact: Artifact
    silence_s: float
    counts: dict[str, int]


ASKED = Question(NodeId("n1"), Artifact("org.example:shop:1.0.0"), 2.5, {"n2": 3, "n1": 1})


def test_what_was_asked_comes_back_equal() -> None:
    inputs = write(ASKED, "SUSPECT")
    assert inputs[DECISION] == "SUSPECT"
    assert read(inputs, Question) == ASKED


def test_equal_questions_are_written_alike() -> None:
    turned = Question(ASKED.node, ASKED.artifact, 2.5, {"n1": 1, "n2": 3})
    assert write(turned, "x") == write(ASKED, "x")


def test_inputs_of_something_else_are_refused() -> None:
    with pytest.raises(ValueError, match="Question"):
        read({"node": '"n1"', DECISION: "x"}, Question)
    with pytest.raises(ValueError, match="Question"):
        read({"node": "n1"}, Question)


def test_what_was_written_is_shown_as_values() -> None:
    assert show(write(ASKED, "SUSPECT")) == {
        "node": "n1",
        "artifact": "org.example:shop:1.0.0",
        "silence_s": 2.5,
        "counts": {"n1": 1, "n2": 3},
        DECISION: "SUSPECT",
    }


def test_inputs_of_other_writers_stay_text() -> None:
    """A request may be called 12; what is no JSON is not hidden."""
    assert show({"request": "12"}) == {"request": "12"}
    assert show({"odd": "{", DECISION: "12"}) == {"odd": "{", DECISION: "12"}
