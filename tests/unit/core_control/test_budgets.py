"""How far a slice may be from its target."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from aether.core.control.budgets import max_surge, min_available
from aether.core.model.records import Update
from tests.worlds import target


def test_the_worked_example_of_the_module() -> None:
    five = target(instances=5)
    assert min_available(five) == 3
    assert max_surge(five) == 2
    assert max_surge(replace(five, update=Update(strategy="immediate"))) == 5


def test_what_the_blueprint_says_counts() -> None:
    strict = replace(target(instances=4), min_available=4, update=Update(max_surge=3))
    assert min_available(strict) == 4
    assert max_surge(strict) == 3


@given(st.integers(1, 1000), st.none() | st.integers(0, 1000), st.none() | st.integers(0, 50))
def test_a_budget_is_never_beyond_the_target_and_an_update_can_always_begin(
    instances: int, least: int | None, surge: int | None
) -> None:
    wanted = replace(
        target(instances=instances), min_available=least, update=Update(max_surge=surge)
    )
    assert 0 <= min_available(wanted) <= instances
    assert max_surge(wanted) >= 1
