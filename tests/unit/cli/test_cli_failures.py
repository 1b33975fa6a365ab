"""What a failure says, and that it says nothing twice."""

import pytest

from aether.cli.exits import ExitCode
from aether.cli.failures import CliError, failure_of_answer, failure_of_error
from aether.errors import (
    AetherError,
    ArtifactInvalid,
    BlueprintInvalid,
    Conflict,
    NoQuorum,
    NotFound,
    OutcomeUnknown,
    SliceFailed,
)


def answer(status: int, **fields: object) -> CliError:
    return failure_of_answer(status, {"title": "Title", **fields})


def test_a_sentence_and_its_advice() -> None:
    failure = answer(404, detail="there is no x", code="not_found", advice="Check the name.")
    assert failure.lines() == ["error: there is no x", "hint: Check the name."]


def test_our_own_remedy_is_better_than_the_general_one() -> None:
    failure = answer(503, detail="no quorum", code="no_quorum", advice="Wait.")
    assert "aether node list" in failure.lines()[-1]


def test_problems_stand_on_lines_of_their_own_once() -> None:
    problems = ["f:1:1: a: is wrong", "f:2:1: b: is wrong"]
    repeated = answer(422, detail="\n".join(problems), problems=problems)
    assert repeated.lines() == ["error: Title", *(f"  {text}" for text in problems)]
    beside = answer(422, detail="two things are wrong", problems=problems)
    assert beside.lines() == ["error: two things are wrong", *(f"  {text}" for text in problems)]
    single = answer(422, detail=problems[0], problems=problems[:1])
    assert single.lines() == [f"error: {problems[0]}"]
    lines = answer(422, detail="building failed:\nline 1\nline 2")
    assert lines.lines() == ["error: building failed:", "  line 1", "  line 2"]


@pytest.mark.parametrize("body", [None, b"\x00", [], 7, {}])
def test_odd_bodies_are_told_by_their_status(body: object) -> None:
    assert "HTTP 500" in failure_of_answer(500, body).message


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("x"), ExitCode.NOT_FOUND),
        (ArtifactInvalid("x"), ExitCode.INVALID),
        (Conflict("x"), ExitCode.REFUSED),
        (NoQuorum("x"), ExitCode.UNAVAILABLE),
        (OutcomeUnknown("x"), ExitCode.UNAVAILABLE),
        (SliceFailed("x"), ExitCode.ERROR),
        (AetherError(""), ExitCode.ERROR),
    ],
)
def test_errors_of_our_own_parts(error: AetherError, code: ExitCode) -> None:
    failure = failure_of_error(error)
    assert failure.exit_code is code
    assert failure.code == error.code
    assert failure.message


def test_every_line_of_our_own_errors_is_kept() -> None:
    assert failure_of_error(BlueprintInvalid(["a", "b"])).lines() == ["error: a", "  b"]
