"""How many connections an address holds at the other processes."""

from aether.core.dataplane.crowds import Crowds
from aether.core.dataplane.lanes import SIZE, Lane

SECRET = b"only this node knows"


def pair() -> tuple[Crowds, Crowds, Lane]:
    """Two processes that know each other, and the lane of the first."""
    lanes = [Lane(memoryview(bytearray(SIZE))) for _ in range(2)]
    one, two = (Crowds(lane, SECRET) for lane in lanes)
    one.meet(lanes[1])
    two.meet(lanes[0])
    return one, two, lanes[0]


def test_the_others_connections_count_and_ones_own_do_not() -> None:
    one, two, _ = pair()
    one.enter("10.0.0.1")
    one.enter("10.0.0.1")
    assert (one.elsewhere("10.0.0.1"), two.elsewhere("10.0.0.1")) == (0, 2)
    assert two.elsewhere("10.0.0.2") == 0
    one.leave("10.0.0.1")
    assert two.elsewhere("10.0.0.1") == 1


def test_connections_of_a_process_that_ended_count_no_more() -> None:
    one, two, lane = pair()
    one.enter("10.0.0.1")
    two.part(lane)
    assert two.elsewhere("10.0.0.1") == 0


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    one, two, _ = pair()
    for number in range(5000):
        one.enter(f"address {number}")
    assert two.elsewhere("address 0") >= 1
    for number in range(5000):
        one.leave(f"address {number}")
    assert all(two.elsewhere(f"address {number}") == 0 for number in range(5000))
