"""The reference of series, written from the table."""

from collections.abc import Iterator

from aether.telemetry.exposition.bounds import BOUNDS_S
from aether.telemetry.exposition.series import Series
from aether.telemetry.exposition.table import SERIES


def metrics_lines() -> Iterator[str]:
    """Yield the lines of metrics.md."""
    yield "# Metrics"
    yield ""
    yield (
        "What `GET /metrics` on the management port of a node tells, and what is sent over OTLP. Names are as "
        "queries write them; a histogram has `_bucket`, `_count` and `_sum`. *Whose*: every node tells of itself; "
        "series of the `leader` are about the whole cluster and told by the node that leads alone. *Most* is the "
        "largest number of label sets one node tells; what is over is left out and counted in "
        "`aether_exposition_dropped_label_sets`. The [guide](../guide/monitoring.md) shows how to use them."
    )
    yield ""
    bounds = ", ".join(f"{bound:g}" for bound in BOUNDS_S)
    yield f"Bounds of histograms (`le`, in seconds): {bounds}, +Inf. The count below each is exact."
    for source in dict.fromkeys(series.source for series in SERIES):
        yield ""
        yield f"## {source}"
        yield ""
        yield "| series | kind | labels | whose | most | meaning |"
        yield "|---|---|---|---|---|---|"
        for series in SERIES:
            if series.source == source:
                yield _row(series)


def _row(series: Series) -> str:
    labels = ", ".join(f"`{label}`" for label in series.labels)
    unit = f", {series.unit}" if series.unit else ""
    calm = f" Zero or absent when {series.calm}." if series.calm else ""
    cells = (
        f"`{series.text_name}`",
        f"{series.kind}{unit}",
        labels,
        series.whose,
        str(series.most),
        f"{series.help}{calm}",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
