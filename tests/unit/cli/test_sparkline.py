import pytest

from aether.cli.sparkline import sparkline


@pytest.mark.parametrize(
    ("values", "width", "line"),
    [
        ([], 5, ""),
        ([1.0], 5, "▁"),
        ([2.0, 2.0, 2.0], 5, "▁▁▁"),
        ([0.0, 7.0], 5, "▁█"),
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
        ([0, 0, 7, 7], 2, "▁█"),
        ([1.0, 2.0], 0, ""),
    ],
)
def test_courses(values: list[float], width: int, line: str) -> None:
    assert sparkline(values, width) == line
