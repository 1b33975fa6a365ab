"""The reference names every series of the table."""

from aether.telemetry.exposition.reference import metrics_lines
from aether.telemetry.exposition.table import SERIES


def test_every_series_has_its_row() -> None:
    lines = list(metrics_lines())
    for series in SERIES:
        (row,) = [line for line in lines if line.startswith(f"| `{series.text_name}` |")]
        assert series.help in row
        assert all(f"`{label}`" in row for label in series.labels)
    assert all(f"## {series.source}" in lines for series in SERIES)
