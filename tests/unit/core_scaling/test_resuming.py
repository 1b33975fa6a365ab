"""What was seen put together with what a history taught."""

from msgspec.structs import replace

from aether.core.scaling.controller import SliceState
from aether.core.scaling.lessons import Lessons
from aether.core.scaling.resuming import resumed
from aether.core.scaling.window import largest

LESSONS = Lessons(sampled_at=990.0)


def state(loads: tuple[tuple[float, float], ...], since: float = 900.0) -> SliceState:
    return SliceState(
        since=since,
        seen_since=since,
        counted_at=since,
        changed_at=since,
        raised_at=since,
        loads=loads,
    )


def test_earlier_loads_are_taken_over_and_ones_own_count_from_their_beginning() -> None:
    learnt = replace(state(((500.0, 80.0), (910.0, 70.0)), since=0.0), lessons=LESSONS)
    found = resumed(state(((905.0, 20.0), (950.0, 10.0))), learnt)
    assert found.loads == ((500.0, 80.0), (905.0, 20.0), (950.0, 10.0))
    assert found.lessons == LESSONS
    assert largest(found.loads, 600.0) == 20.0


def test_a_load_of_ones_own_hides_smaller_ones_before_it() -> None:
    learnt = state(((500.0, 80.0), (800.0, 5.0)), since=0.0)
    assert resumed(state(((905.0, 90.0),)), learnt).loads == ((905.0, 90.0),)


def test_how_long_it_was_watched_stays_as_it_is() -> None:
    learnt = state((), since=0.0)
    found = resumed(state((), since=900.0), learnt)
    assert (found.since, found.changed_at) == (900.0, 900.0)
    assert (found.seen_since, found.counted_at) == (900.0, 900.0)
