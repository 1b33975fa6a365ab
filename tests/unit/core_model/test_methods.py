"""Methods of one pattern."""

import pytest

from aether.core.model.methods import methods_meet


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("GET", "GET", True),
        ("GET", "POST", False),
        ("*", "GET", True),
        ("*", "*", True),
        ("GET", "HEAD", True),
        ("POST", "HEAD", False),
    ],
)
def test_methods_meet_whichever_comes_first(one: str, other: str, *, meet: bool) -> None:
    assert methods_meet(one, other) is meet
    assert methods_meet(other, one) is meet
