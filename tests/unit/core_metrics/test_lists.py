import msgspec
import pytest

from aether.core.metrics.lists import ENTRIES, read_list
from aether.core.metrics.work import at_once

NUMBER = msgspec.msgpack.Decoder(int)


def packed(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(value))


def refuse_13(number: int) -> None:
    if number == 13:
        raise ValueError("13 is no good")


def test_a_long_list_is_read_with_pauses() -> None:
    numbers = tuple(range(100, 100 + 3 * ENTRIES))
    assert at_once(read_list(packed(numbers), NUMBER, len(numbers), refuse_13)) == numbers
    assert sum(1 for _ in read_list(packed(numbers), NUMBER, len(numbers), refuse_13)) == 3


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([1, 2, 3], "3 entries; the most is 2"),
        ([1, 13], "13 is no good"),
        ([1, "two"], "Expected `int`"),
        ("text", "Expected `array`"),
    ],
)
def test_what_is_no_such_list_is_refused(value: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        at_once(read_list(packed(value), NUMBER, 2, refuse_13))
