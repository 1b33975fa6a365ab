"""Which traces are recorded."""

import pytest

from aether.core.tracing.sampling import TracingSettings, bound_of, is_below

LEAST, MOST = b"0" * 32, b"f" * 32


def test_all_none_and_the_first_half() -> None:
    assert not is_below(LEAST, bound_of(0.0))
    assert is_below(MOST, bound_of(1.0))
    half = bound_of(0.5)
    assert is_below(b"f" * 18 + b"7" + b"f" * 13, half)
    assert not is_below(b"0" * 18 + b"8" + b"0" * 13, half)


@pytest.mark.parametrize("sample", [-0.1, 1.1, float("nan")])
def test_what_is_no_share_is_refused(sample: float) -> None:
    with pytest.raises(ValueError, match="is not from 0 to 1"):
        TracingSettings(sample)


@pytest.mark.parametrize("slow_s", [-1.0, float("inf"), float("nan")])
def test_what_is_no_time_is_refused(slow_s: float) -> None:
    with pytest.raises(ValueError, match="seconds"):
        TracingSettings(0.01, slow_s)
