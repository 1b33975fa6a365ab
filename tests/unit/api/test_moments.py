import pytest

from aether.api.moments import show_time


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (0, ""),
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (1, "1970-01-01T00:00:00.001Z"),
    ],
)
def test_times_are_written_in_utc(time_ms: int, text: str) -> None:
    assert show_time(time_ms) == text
