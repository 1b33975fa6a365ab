"""Frames verify at their place only."""

import pytest

from aether.store.backup.format import FRAME, MOST_BODY_BYTES, Kind, checksum, frame


def test_a_frame_tells_kind_and_length() -> None:
    letter, length, crc = FRAME.unpack(frame(Kind.PART, 3, b"abc")[: FRAME.size])
    assert (letter, length, crc) == (b"P", 3, checksum(Kind.PART, 3, b"abc"))


@pytest.mark.parametrize(
    "other", [(Kind.END, 3, b"abc"), (Kind.PART, 4, b"abc"), (Kind.PART, 3, b"abd")]
)
def test_checksums_depend_on_kind_place_and_body(other: tuple[Kind, int, bytes]) -> None:
    assert checksum(*other) != checksum(Kind.PART, 3, b"abc")


def test_a_part_has_a_limit() -> None:
    with pytest.raises(ValueError, match="at most"):
        frame(Kind.PART, 1, bytes(MOST_BODY_BYTES + 1))
