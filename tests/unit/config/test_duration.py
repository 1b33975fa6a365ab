import pytest

from aether.config.duration import parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("500ms", 0.5), ("5s", 5.0), ("1.5m", 90.0), ("1h", 3600.0), (3, 3.0), (0.25, 0.25)],
)
def test_lengths_of_time(written: str | float, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "5", "5 days", "-1s", "1e3s", "0s", 0, -1, float("inf"), float("nan")]
)
def test_anything_else_is_refused_with_its_value(written: str | float) -> None:
    with pytest.raises(ValueError, match="length of time") as caught:
        parse_duration(written)
    assert repr(written) in str(caught.value)
