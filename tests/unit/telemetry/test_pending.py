"""What waits to be sent is bounded, in order, and counted when it is given up."""

from collections.abc import Sequence
from threading import Thread
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from aether.telemetry.otlp.pending import MOST_BATCH, Pending


def filled(most: int, *pieces: int) -> Pending[int]:
    pending: Pending[int] = Pending(most)
    for piece in pieces:
        pending.offer(piece)
    return pending


def test_the_oldest_gives_way() -> None:
    pending = filled(3, 1, 2, 3, 4, 5)
    assert pending.dropped == 2
    assert pending.take() == [3, 4, 5]
    assert len(pending) == 0


def test_a_batch_is_bounded() -> None:
    pending = filled(2000, *range(1000))
    assert pending.take() == list(range(MOST_BATCH))
    assert len(pending) == 1000 - MOST_BATCH


def test_what_is_put_back_comes_first_again() -> None:
    pending = filled(5, 1, 2)
    batch = pending.take()
    pending.offer(3)
    pending.put_back(batch)
    assert pending.take() == [1, 2, 3]
    assert pending.dropped == 0


def test_what_has_no_room_any_more_is_given_up_from_its_oldest() -> None:
    pending = filled(3, 1, 2, 3)
    batch = pending.take()
    pending.offer(4)
    pending.offer(5)
    pending.put_back(batch)
    assert pending.take() == [3, 4, 5]
    assert pending.dropped == 2


def test_what_is_given_up_is_counted() -> None:
    pending = filled(3, 1, 2)
    pending.give_up(pending.take())
    assert pending.dropped == 2
    assert len(pending) == 0


class Ending:
    """Offers a piece when it is taken back, as a line that is logged at the end of an object."""

    def __init__(self, pending: Pending[object]) -> None:
        self.pending = pending

    def __len__(self) -> int:
        self.pending.offer("late")
        return 1


def test_a_piece_may_be_offered_in_the_midst_of_a_call() -> None:
    pending: Pending[object] = Pending(3)
    batch = cast("Sequence[object]", Ending(pending))
    doing = Thread(target=pending.give_up, args=(batch,), daemon=True)
    doing.start()
    doing.join(5)
    assert not doing.is_alive(), "it waits for a lock of its own"
    assert (pending.take(), pending.dropped) == (["late"], 1)


Steps = st.lists(
    st.one_of(st.just("offer"), st.just("sent"), st.just("failed"), st.just("given up"))
)


@given(st.integers(1, 5), Steps)
def test_every_piece_is_sent_waits_or_was_dropped(most: int, steps: list[str]) -> None:
    pending: Pending[int] = Pending(most)
    offered, sent = 0, list[int]()
    for step in steps:
        if step == "offer":
            pending.offer(offered)
            offered += 1
            continue
        batch = pending.take()
        if step == "sent":
            sent += batch
        elif step == "failed":
            pending.put_back(batch)
        else:
            pending.give_up(batch)
        assert len(pending) <= most
    assert len(sent) + len(pending) + pending.dropped == offered
    assert sent == sorted(set(sent))
