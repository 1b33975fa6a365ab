"""Reads are served once their index is applied, and end exactly once."""

from aether.store.native.reading import Reads
from aether.store.native.results import Refused, Unknown

Outcome = Refused | Unknown | None


def world(most: int = 10) -> tuple[Reads, list[Outcome]]:
    return Reads(most, first_context=100, ask_again_s=1.0), []


def test_reads_of_one_turn_share_a_context_and_wait_for_their_index() -> None:
    reads, told = world()
    reads.add(told.append, 10.0)
    reads.add(told.append, 10.0)
    context = reads.ask(0.0)
    assert context > 100
    reads.add(told.append, 10.0)
    assert reads.unasked
    reads.answered(context, 7)
    reads.applied(6)
    assert told == []
    reads.applied(7)
    assert told == [None, None]
    assert len(reads) == 1


def test_a_lost_context_is_asked_again() -> None:
    reads, told = world()
    reads.add(told.append, 10.0)
    reads.answered(reads.ask(0.0), None)
    assert reads.unasked
    first = reads.ask(0.5)
    assert reads.wake_at == 1.5
    reads.expire(1.5)
    second = reads.ask(1.5)
    reads.answered(first, 3)
    reads.applied(3)
    assert told == []
    reads.answered(second, 4)
    reads.applied(4)
    assert told == [None]


def test_a_late_read_is_refused_wherever_it_waits() -> None:
    reads, told = world()
    reads.add(told.append, 1.0)
    reads.answered(reads.ask(0.0), 9)
    reads.add(told.append, 1.0)
    reads.ask(0.5)
    reads.add(told.append, 1.0)
    reads.expire(1.0)
    assert [type(each) for each in told] == [Refused] * 3
    assert len(reads) == 0
    reads.applied(9)
    assert len(told) == 3


def test_too_many_are_refused() -> None:
    reads, told = world(most=1)
    reads.add(told.append, 1.0)
    reads.add(told.append, 1.0)
    assert [type(each) for each in told] == [Refused]


def test_closing_ends_everything() -> None:
    reads, told = world()
    reads.add(told.append, 1.0)
    reads.ask(0.0)
    reads.add(told.append, 1.0)
    reads.close(Refused("stopped", "bye"))
    assert told == [Refused("stopped", "bye")] * 2
    assert len(reads) == 0
