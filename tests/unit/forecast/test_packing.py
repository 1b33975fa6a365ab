import math
from array import array

import pytest

from aether.forecast.packing import RECENT, Answer, packed, unpacked
from aether.forecast.shape import DAY, HORIZON, QUANTILES

ONE = HORIZON * len(QUANTILES)


def test_a_batch_holds_the_newest_steps_and_yesterdays_and_gaps_where_there_are_none() -> None:
    past = [float(minute) for minute in range(1500)]
    batch = packed([past, array("f", past[:3]), ()], 60.0)
    assert batch.sizes == (1500, 3, 0)
    recent, day = array("f", batch.recent), array("f", batch.day)
    assert recent[:RECENT].tolist() == past[-RECENT:]
    assert recent[2 * RECENT - 3 : 2 * RECENT].tolist() == past[:3]
    assert all(map(math.isnan, recent[RECENT : 2 * RECENT - 3]))
    assert all(map(math.isnan, recent[2 * RECENT :]))
    assert day[:DAY].tolist() == past[1500 - 1456 :][:DAY]
    assert all(map(math.isnan, day[DAY:]))
    assert len(day) == 3 * DAY


def test_an_answer_gives_each_history_its_rows() -> None:
    quantiles = array("f", range(2 * ONE))
    found = unpacked(Answer((0, 2), quantiles.tobytes()), 3)
    assert found[1] is None
    assert found[0] is not None
    assert found[2] is not None
    assert len(found[0]) == HORIZON
    assert found[0][:2] == ((0.0, 1.0, 2.0, 3.0), (4.0, 5.0, 6.0, 7.0))
    assert found[2][0][0] == ONE
    assert unpacked(Answer(), 2) == [None, None]


@pytest.mark.parametrize(
    ("places", "numbers"), [((0,), 0), ((), ONE), ((0,), ONE + 4), ((0,), ONE - 1), ((5,), ONE)]
)
def test_an_answer_not_as_long_as_it_says_is_refused(places: tuple[int, ...], numbers: int) -> None:
    with pytest.raises((ValueError, IndexError)):
        unpacked(Answer(places, array("f", range(numbers)).tobytes()), 2)
