"""The checker against brute force, and on histories whose verdict is known."""

import itertools
import random
from collections.abc import Sequence

import pytest

from aether_forge.sim.raft.history import OPEN, READ, SWAP, WRITE, Operation, Value
from aether_forge.sim.raft.linearizable import Undecided, _step, linearizable, minimal


def op(kind: str, called: int, returned: int, **more: object) -> Operation:
    one = Operation(0, "k", kind, called=called, returned=returned)
    for name, value in more.items():
        setattr(one, name, value)
    return one


def brute(operations: Sequence[Operation]) -> bool:
    """Try every order of every set that holds all finished operations."""
    sure = [one for one in operations if one.returned < OPEN]
    unsure = [one for one in operations if one.returned == OPEN]
    for count in range(len(unsure) + 1):
        for extra in itertools.combinations(unsure, count):
            for order in itertools.permutations([*sure, *extra]):
                if _explains(order):
                    return True
    return False


def _explains(order: Sequence[Operation]) -> bool:
    for position, one in enumerate(order):
        if any(later.returned < one.called for later in order[position + 1 :]):
            return False
    held: Value | None = None
    for one in order:
        fits, held = _step(one, held)
        if not fits:
            return False
    return True


def random_history(dice: random.Random) -> list[Operation]:
    values = [Value(text) for text in "abc"]
    operations = []
    for _ in range(dice.randrange(1, 7)):
        called = dice.randrange(100)
        kind = dice.choice([READ, WRITE, SWAP])
        is_open = kind != READ and dice.random() < 0.25
        one = op(kind, called * 2, OPEN if is_open else (called + dice.randrange(1, 60)) * 2 + 1)
        one.value = None if kind == READ else dice.choice([*values, None])
        one.expected = dice.choice([*values, None]) if kind == SWAP else None
        if not is_open:
            one.result = (
                dice.choice([*values, None])
                if kind == READ
                else kind == WRITE or dice.random() < 0.5
            )
        operations.append(one)
    return operations


def test_it_agrees_with_brute_force_on_random_histories() -> None:
    dice = random.Random("linearizable")
    verdicts = []
    for _ in range(1500):
        history = random_history(dice)
        verdict = linearizable(history)
        assert verdict == brute(history), "\n".join(map(str, history))
        verdicts.append(verdict)
    assert 200 < sum(verdicts) < 1300


def test_a_stale_read_is_not_explained() -> None:
    history = [
        op(WRITE, 1, 2, value=Value("a")),
        op(WRITE, 3, 4, value=Value("b")),
        op(READ, 5, 6, result=Value("a")),
    ]
    assert not linearizable(history)


def test_an_unknown_write_may_take_effect_at_any_later_time_or_never() -> None:
    write = op(WRITE, 1, OPEN, value=Value("a"))
    absent, seen = op(READ, 2, 3), op(READ, 4, 5, result=Value("a"))
    assert linearizable([write, absent, seen])
    assert not linearizable([write, op(READ, 2, 3, result=Value("a")), op(READ, 4, 5)])


def test_a_minimal_history_is_wrong_and_small() -> None:
    noise = [op(WRITE, 10 * n, 10 * n + 1, value=Value(f"n{n}")) for n in range(1, 20)]
    stale = op(READ, 205, 206, result=Value("n1"))
    late = op(WRITE, 300, 301, value=Value("late"))
    small = minimal([*noise, stale, late])
    assert not linearizable(small)
    assert len(small) <= 3
    assert stale in small
    assert late not in small


def test_a_history_beyond_the_budget_is_undecided() -> None:
    writes = [op(WRITE, n, 100 + n, value=Value(str(n))) for n in range(12)]
    with pytest.raises(Undecided):
        linearizable([*writes, op(READ, 500, 501, result=Value("none"))], budget=500)
