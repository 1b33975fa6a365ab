"""Laws of limits that several processes of a node keep together, whoever is asked and whenever they look."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.dataplane.crowds import Crowds
from aether.core.dataplane.lanes import SIZE, Lane
from aether.core.dataplane.shared_rate import SharedBuckets

ROUTE = "GET /a"
BEGIN = 1000.0
SLACK = 1e-3


@dataclass
class Step:
    """After a pause, requests come to some processes at the very same moment, or one looks."""

    pause: float
    workers: list[int]
    looks: bool


class Side:
    """A process, and what it can see of the others: their memory as it was when `see` was called."""

    def __init__(self, workers: int) -> None:
        self.memory = bytearray(SIZE)
        self.rates = SharedBuckets(Lane(memoryview(self.memory)), workers)
        self._seen: list[tuple[bytearray, Side]] = []
        self.looked = BEGIN

    def meet(self, other: "Side") -> None:
        copy = bytearray(SIZE)
        self._seen.append((copy, other))
        self.rates.meet(Lane(memoryview(copy)))

    def see(self) -> None:
        for copy, other in self._seen:
            copy[:] = other.memory


def sides_of(workers: int) -> list[Side]:
    sides = [Side(workers) for _ in range(workers)]
    for side in sides:
        for other in sides:
            if other is not side:
                side.meet(other)
    return sides


pauses = st.one_of(st.just(0.0), st.floats(0, 0.05), st.floats(0, 2))
steps = st.builds(
    Step,
    pause=pauses,
    workers=st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True),
    looks=st.booleans(),
)
stories = st.lists(steps, min_size=1, max_size=60)
rates = st.floats(0.5, 200)
bursts = st.integers(1, 20)


def play(story: list[Step], rate: float, burst: int, workers: int) -> tuple[list[float], float]:
    """Return when requests were let through, and the longest time a process did not look for.

    Processes asked at one moment see of each other what there was before it: that is a race lost by all.
    """
    sides, now, longest = sides_of(workers), BEGIN, 0.0
    admitted: list[float] = []
    for step in story:
        now += step.pause
        asked = [sides[worker] for worker in step.workers if worker < workers]
        for side in asked:
            side.see()
        for side in asked:
            longest = max(longest, now - side.looked)
            side.looked = now
            if step.looks:
                side.rates.look(now)
            elif side.rates.admit(ROUTE, rate, burst, now) == 0.0:
                admitted.append(now)
    return admitted, longest


@settings(max_examples=150, deadline=None)
@given(stories, rates, bursts, st.integers(1, 4))
def test_no_stretch_lets_more_through_than_the_bound_it_states(
    story: list[Step], rate: float, burst: int, workers: int
) -> None:
    admitted, longest = play(story, rate, burst, workers)
    late = rate * longest if workers > 1 else 0.0
    for first, begin in enumerate(admitted):
        for last in range(first, len(admitted)):
            bound = burst + rate * (admitted[last] - begin) + late + workers - 1
            assert last - first + 1 <= bound + SLACK


@settings(max_examples=150, deadline=None)
@given(stories, rates, bursts, st.integers(1, 4))
def test_none_is_turned_away_that_one_bucket_would_let_through(
    story: list[Step], rate: float, burst: int, workers: int
) -> None:
    sides, now = sides_of(workers), BEGIN
    tokens = float(burst)
    for step in story:
        now += step.pause
        tokens = min(burst, tokens + rate * step.pause)
        for worker in step.workers:
            if worker < workers:
                sides[worker].see()
                is_let_through = sides[worker].rates.admit(ROUTE, rate, burst, now) == 0.0
                assert is_let_through or tokens < 1.0 + SLACK
                tokens -= is_let_through


@settings(max_examples=100, deadline=None)
@given(stories, rates, bursts)
def test_the_wait_it_names_is_enough_when_nobody_else_asks(
    story: list[Step], rate: float, burst: int
) -> None:
    sides, now = sides_of(4), BEGIN
    for step in story:
        now += step.pause
        for worker in step.workers:
            side = sides[worker]
            side.see()
            wait_s = side.rates.admit(ROUTE, rate, burst, now)
            assert wait_s >= 0.0
            if wait_s:
                now += wait_s
                assert side.rates.admit(ROUTE, rate, burst, now) == 0.0


moves = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), st.booleans()), max_size=120)


class Door:
    """Three processes that count connections, and what is true of them."""

    def __init__(self, secret: bytes) -> None:
        lanes = [Lane(memoryview(bytearray(SIZE))) for _ in range(3)]
        self.crowds = [Crowds(lane, secret) for lane in lanes]
        for crowd, own in zip(self.crowds, lanes, strict=True):
            for lane in lanes:
                if lane is not own:
                    crowd.meet(lane)
        self.held: Counter[tuple[int, str]] = Counter()

    def leave(self, worker: int, address: str) -> None:
        if self.held[worker, address]:
            self.crowds[worker].leave(address)
            self.held[worker, address] -= 1

    def enter(self, worker: int, address: str) -> None:
        self.crowds[worker].enter(address)
        self.held[worker, address] += 1

    def elsewhere(self, worker: int, address: str) -> int:
        return sum(n for (at, of), n in self.held.items() if at != worker and of == address)

    def all_elsewhere(self, worker: int) -> int:
        return sum(count for (at, _), count in self.held.items() if at != worker)


@settings(max_examples=100, deadline=None)
@given(moves, st.binary(min_size=1, max_size=16))
def test_a_crowd_is_never_counted_too_low_and_ends_at_nothing(
    story: list[tuple[int, int, bool]], secret: bytes
) -> None:
    door = Door(secret)
    for worker, number, leaves in story:
        address = f"10.0.0.{number}"
        (door.leave if leaves else door.enter)(worker, address)
        for each, crowd in enumerate(door.crowds):
            counted = crowd.elsewhere(address)
            assert door.elsewhere(each, address) <= counted <= door.all_elsewhere(each)
    for worker, address in list(door.held.elements()):
        door.leave(worker, address)
    assert all(
        crowd.elsewhere(f"10.0.0.{number}") == 0 for crowd in door.crowds for number in range(31)
    )
