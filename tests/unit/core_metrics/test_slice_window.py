import pytest

from aether.core.metrics.slice_window import LEAST_REQUESTS, PARTS, SliceWindow
from tests.unit.core_metrics.made import slice_sample


def test_latencies_of_ten_seconds_are_told_within_their_bucket() -> None:
    window = SliceWindow()
    window.add([slice_sample("a", (0.010,) * 50), slice_sample("a", (0.020,) * 45)])
    window.add([slice_sample("a", (1.0,) * 5)])
    p50, p95, p99 = window.quantiles((0.5, 0.95, 0.99))
    assert p50 == pytest.approx(0.010, rel=0.04)
    assert p95 == pytest.approx(0.020, rel=0.04)
    assert p99 == pytest.approx(1.0, rel=0.04)


def test_what_is_older_than_ten_seconds_is_forgotten() -> None:
    window = SliceWindow()
    window.add([slice_sample("a", (0.5,) * 10, errors=5)])
    for _ in range(PARTS - 1):
        window.add([])
    assert (window.requests, window.error_share) == (10, 0.5)
    window.add([])
    assert (window.requests, window.error_share) == (0, None)
    assert window.quantiles((0.5,)) == [None]


def test_a_handful_of_requests_has_no_share_of_errors() -> None:
    window = SliceWindow()
    window.add([slice_sample("a", (0.1,) * (LEAST_REQUESTS - 1), errors=LEAST_REQUESTS - 1)])
    assert window.error_share is None
    window.add([slice_sample("a", (0.1,))])
    assert window.error_share == 0.9
