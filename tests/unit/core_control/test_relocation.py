"""What one move would gain."""

from dataclasses import replace

from aether.core.control.relocation import NOTHING, Crowd, Question, Relocation, decide, gain, text
from aether.core.model.ids import InstanceId, NodeId


def move(
    source: tuple[int, int], goal: tuple[int, int], *, ordinal: int = 0, sizes: int = 200
) -> Relocation:
    """A move between nodes given as (instances of the slice, instances in all)."""
    crowds = [
        Crowd(node=NodeId(name), in_zone=0, of_slice=of_slice, total=total, capacity=sizes)
        for name, (of_slice, total) in (("n1", source), ("n2", goal))
    ]
    instance = InstanceId(f"org.example:app:1.0.0/{ordinal}")
    return Relocation(instance=instance, source=crowds[0], goal=crowds[1], same_zone=True)


def test_the_worked_examples_of_the_module() -> None:
    assert gain(move((3, 3), (1, 1)))[:2] == (0, 1)
    assert gain(move((2, 2), (1, 1))) < (0, 0, 0.0000001)
    assert gain(move((1, 9), (0, 5))) > NOTHING
    assert gain(move((1, 6), (0, 5))) == NOTHING


def test_zones_count_before_nodes_and_nodes_before_loads() -> None:
    across = replace(move((1, 1), (1, 9)), same_zone=False)
    across = replace(across, source=replace(across.source, in_zone=4))
    assert gain(across)[:2] == (3, -1)
    assert gain(across) > gain(move((9, 9), (0, 0))) > gain(move((1, 99), (0, 0))) > NOTHING


def test_a_larger_node_is_relieved_only_when_its_share_is_larger() -> None:
    small_to_large = move((1, 3), (0, 10))
    uneven = replace(small_to_large, source=replace(small_to_large.source, capacity=4))
    assert gain(uneven) > NOTHING
    assert gain(small_to_large) < NOTHING


def test_the_best_move_is_taken_or_none() -> None:
    small, large = move((3, 3), (1, 1)), move((9, 9), (0, 0), ordinal=1)
    assert decide(Question(moves=(small, large))) == large
    assert decide(Question(moves=(move((1, 1), (0, 0)),))) is None
    assert text(large) == "move org.example:app:1.0.0/1 to n2"
    assert text(None) == "stay"
