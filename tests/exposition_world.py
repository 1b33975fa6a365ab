"""What tests of the exposition look at: samples by name and labels, and text read back."""

import re
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from aether.telemetry.exposition.series import Sample, Source, Spread, Tell

Values = dict[tuple[str, ...], float | Spread]


async def told(source: Source) -> dict[str, Values]:
    """Return what a source tells now: series, labels, value."""
    return by_name((await source.look())())


def by_name(samples: Iterable[Sample]) -> dict[str, Values]:
    """Return samples by series and labels; each may come once."""
    found: dict[str, Values] = {}
    for name, labels, value in samples:
        assert labels not in found.setdefault(name, {}), f"{name}{labels} is told twice"
        found[name][labels] = value
    return found


def read_text(text: bytes) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return the samples of a page of OpenMetrics, as an independent parser reads it."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())  # type: ignore[no-untyped-call] # so is the library
        for sample in family.samples
    }


def source_of(name: str, *samples: Sample) -> Source:
    """Return a source that always tells the same."""

    async def look() -> Tell:
        return lambda: samples

    return Source(name, look)


def series_in(query: str) -> Iterator[str]:
    """Yield the series a query asks for, by their names in the table."""
    for name in re.findall(r"\baether_\w+", query):
        yield re.sub(r"_(total|bucket|sum|count|info)$", "", name)
