import pytest

from aether.errors import (
    AetherError,
    Conflict,
    Invalid,
    NoQuorum,
    NotFound,
    NotLeader,
    OutcomeUnknown,
    TooLarge,
    Unavailable,
)
from aether.store.failures import error_of, failed
from aether.store.protocol import Failed
from aether.store.watch import Compacted


@pytest.mark.parametrize(
    "problem",
    [
        Invalid("i"),
        TooLarge("t"),
        NotFound("n"),
        Conflict("c"),
        Compacted("gone", fields={"revision": 7}),
        NoQuorum("q"),
        Unavailable("u"),
        OutcomeUnknown("o"),
    ],
)
def test_errors_cross_unchanged(problem: AetherError) -> None:
    back = error_of(failed(4, problem))
    assert type(back) is type(problem)
    assert (back.message, back.fields) == (problem.message, problem.fields)


def test_a_code_nobody_knows_keeps_its_kind() -> None:
    assert type(error_of(failed(1, NotLeader("x")))) is Conflict
    assert type(error_of(Failed(1, "refused", "superseded", "x"))) is NoQuorum
    assert type(error_of(Failed(1, "of tomorrow", "new", "x"))) is Unavailable


def test_a_code_never_turns_one_kind_into_another() -> None:
    assert type(error_of(Failed(1, "unknown", "no_quorum", "x"))) is OutcomeUnknown


def test_fields_that_are_no_plain_values_travel_as_text() -> None:
    answer = failed(1, Invalid("x", fields={"problems": ["a"], "limit": 3}))
    assert answer.fields == {"problems": "['a']", "limit": 3}
