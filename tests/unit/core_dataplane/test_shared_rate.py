"""One limit, several processes."""

import pytest

from aether.core.dataplane.lanes import ROUTES, SIZE, Lane
from aether.core.dataplane.rate_limit import TokenBuckets
from aether.core.dataplane.shared_rate import SharedBuckets

ROUTE = "GET /a"


class Node:
    """So many processes that know each other."""

    def __init__(self, workers: int) -> None:
        self.lanes = [Lane(memoryview(bytearray(SIZE))) for _ in range(workers)]
        self.sides = [SharedBuckets(lane, workers) for lane in self.lanes]
        for side, own in zip(self.sides, self.lanes, strict=True):
            for lane in self.lanes:
                if lane is not own:
                    side.meet(lane)

    def admitted(
        self, worker: int, tries: int, now: float, rate: float = 10, burst: int = 4
    ) -> int:
        side = self.sides[worker]
        return sum(side.admit(ROUTE, rate, burst, now) == 0.0 for _ in range(tries))


def test_what_one_lets_through_the_others_do_not() -> None:
    node = Node(3)
    assert [node.admitted(worker, 3, 100.0) for worker in (0, 1, 2)] == [3, 1, 0]
    assert node.admitted(2, 9, 100.1) == 1
    assert node.admitted(0, 9, 100.1) == 0


def test_a_client_of_one_process_alone_gets_the_whole_rate() -> None:
    node = Node(8)
    assert sum(node.admitted(5, 2, 100 + turn / 10) for turn in range(101)) == 4 + 100


def test_alone_it_does_as_a_bucket_of_one_process() -> None:
    node, single = Node(1), TokenBuckets[str]()
    moments = [100.0 + turn * 0.037 for turn in range(200)]
    waits = [node.sides[0].admit(ROUTE, 12.0, 3, now) for now in moments]
    assert waits == pytest.approx([single.admit(ROUTE, 12.0, 3, now) for now in moments])


def test_a_process_that_starts_goes_on_with_the_buckets_there_are() -> None:
    node = Node(2)
    assert node.admitted(0, 9, 100.0) == 4
    newer = SharedBuckets(Lane(memoryview(bytearray(SIZE))), 2)
    newer.meet(node.lanes[0])
    wait_s = newer.admit(ROUTE, 10, 4, 100.0)
    assert wait_s == pytest.approx(0.1)
    assert newer.admit(ROUTE, 10, 4, 100.1) == 0.0


def test_the_last_of_a_process_that_ended_is_kept() -> None:
    node = Node(2)
    assert node.admitted(1, 1, 99.0) == 1
    node.sides[1].look(100.0)
    assert node.admitted(0, 4, 100.0) == 4
    node.sides[1].part(node.lanes[0])
    node.lanes[0].release()
    assert node.admitted(1, 1, 100.0) == 0
    assert node.admitted(1, 1, 100.1) == 1


def test_a_process_met_later_has_told_all_it_did() -> None:
    node = Node(2)
    late, lane = SharedBuckets(Lane(memoryview(bytearray(SIZE))), 3), node.lanes[0]
    assert late.admit(ROUTE, 10, 4, 100.0) == 0.0
    assert node.admitted(0, 4, 100.0) == 4
    late.meet(lane)
    assert late.admit(ROUTE, 10, 4, 100.0) > 0.0


def test_looking_keeps_a_bucket_that_nobody_asks_up_to_date() -> None:
    node = Node(2)
    assert node.admitted(1, 1, 100.0) == 1
    for turn in range(1, 101):
        now = 100.0 + turn / 20
        node.admitted(0, 1, now)
        node.sides[1].look(now)
    assert node.admitted(0, 9, 105.0) + node.admitted(1, 9, 105.0) <= 4


def test_without_a_place_each_process_keeps_to_its_share() -> None:
    node = Node(2)
    for lane in node.lanes:
        for number in range(1, ROUTES * 3 // 4 + 1):
            lane.give(number)
    assert [node.admitted(worker, 9, 100.0) for worker in (0, 1)] == [2, 2]
    assert [node.admitted(worker, 9, 100.2) for worker in (0, 1)] == [1, 1]


def test_a_route_that_is_gone_is_forgotten() -> None:
    node = Node(1)
    assert node.admitted(0, 9, 100.0) == 4
    node.sides[0].retain({"GET /b"})
    assert node.admitted(0, 9, 100.0) == 4
    node.sides[0].retain({ROUTE})
    assert node.admitted(0, 9, 100.0) == 0
