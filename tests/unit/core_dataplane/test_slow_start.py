"""The ramp of a new instance."""

import pytest

from aether.core.dataplane.slow_start import FIRST_PART, ramp


@pytest.mark.parametrize(
    ("age_s", "part"), [(-1.0, 0.1), (0.0, 0.1), (5.0, 0.55), (10.0, 1.0), (99.0, 1.0)]
)
def test_rises_in_a_straight_line(age_s: float, part: float) -> None:
    assert ramp(age_s, 10.0) == pytest.approx(part)


def test_without_slow_start_all_are_full() -> None:
    assert ramp(0.0, 0.0) == 1.0
    assert FIRST_PART == 0.1
