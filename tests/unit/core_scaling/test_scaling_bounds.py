"""Bounds: what may be wanted at most."""

import pytest

from aether.core.scaling.bounds import Bounds


@pytest.mark.parametrize(
    ("bounds", "present", "ceiling"),
    [
        (Bounds(1, 10, 20), 4, 10),
        (Bounds(1, 10, 6), 4, 6),
        (Bounds(1, 10, 3), 5, 5),  # too little room takes nothing away
        (Bounds(4, 10, 2), 1, 4),  # nor anything from the minimum
    ],
)
def test_room_stops_growth_only(bounds: Bounds, present: int, ceiling: int) -> None:
    assert bounds.ceiling(present) == ceiling
