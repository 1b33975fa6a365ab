from array import array

from aether.core.metrics.rings import SPAN_S, Ring, since, values_at


def row(*values: float) -> "array[float]":
    return array("d", values)


def test_rows_go_when_they_are_too_old_or_too_much() -> None:
    ring = Ring(1)
    for second in (0, 1, 2):
        ring.add(second, row(1.0, 2.0), most_bytes=32)
    assert [second for second, _ in ring.rows] == [1, 2]
    assert ring.bytes == 32
    ring.add(SPAN_S + 1, row(3.0), most_bytes=32)
    assert [second for second, _ in ring.rows] == [2, SPAN_S + 1]
    ring.drop_newest()
    assert ring.bytes == 16


def test_rows_are_read_from_a_second_on_and_holes_left_out() -> None:
    ring = Ring(1)
    for second, values in enumerate([(1.0,), (2.0, float("nan")), (3.0, 4.0)]):
        ring.add(second, row(*values), most_bytes=1000)
    assert [second for second, _ in since(ring, 1)] == [1, 2]
    assert list(values_at(since(ring, 0), 1)) == [(2, 4.0)]
