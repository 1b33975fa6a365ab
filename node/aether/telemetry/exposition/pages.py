"""Samples as the text monitoring systems read; the library knows the two forms, this the table."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from aether.telemetry.exposition.bounds import BOUNDS_S
from aether.telemetry.exposition.series import Sample, Series, Spread

MOST_LABEL_CHARS = 1024
"""Longest label set in characters; a longer one is left out and counted."""
_LE = (*map(repr, BOUNDS_S), "+Inf")


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a scrape."""

    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """The samples of one look, by series, and how many label sets were left out of each."""

    values: Mapping[str, Mapping[tuple[str, ...], float | Spread]]
    dropped: Mapping[str, int]

    @property
    def samples(self) -> int:
        """How many values there are."""
        return sum(map(len, self.values.values()))


def checked(table: Mapping[str, Series], samples: Iterable[Sample]) -> list[Sample]:
    """Return the samples of one source; raise ValueError for one the table does not declare."""
    found = list(samples)
    for name, labels, _ in found:
        if name not in table or len(labels) != len(table[name].labels):
            raise ValueError(f"{name}{labels} is not declared in the table of series")
    return found


def taken(table: Mapping[str, Series], samples: Iterable[Sample]) -> Taken:
    """Sort samples that are declared by their series; those over its bounds are left out."""
    values: dict[str, dict[tuple[str, ...], float | Spread]] = {}
    dropped: dict[str, int] = {}
    for name, labels, value in samples:
        known = values.setdefault(name, {})
        too_many = labels not in known and len(known) >= table[name].most
        if too_many or sum(map(len, labels)) > MOST_LABEL_CHARS:
            dropped[name] = dropped.get(name, 0) + 1
        else:
            known[labels] = value
    return Taken(values, dropped)


def page(table: Sequence[Series], found: Taken, accept: str) -> Page:
    """Return the text of all samples, in the form the `Accept` header asks for."""
    encoder, content_type = choose_encoder(accept)
    return Page(content_type, encoder(_Collected(tuple(_metrics(table, found)))))


def packed(body: bytes) -> bytes:
    """Return a body as gzip, with the least effort: a scrape shrinks to a tenth."""
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(body) + packer.flush()


class _Collected(Collector):
    """What the library writes: metrics that are there already."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _metrics(table: Sequence[Series], found: Taken) -> Iterator[Metric]:
    """Yield every series that has values, in the order of the table."""
    for series in table:
        values = found.values.get(series.name)
        if not values:
            continue
        metric = Metric(series.name, series.help, series.kind, series.unit)
        for labels, value in values.items():
            names = dict(zip(series.labels, labels, strict=True))
            if isinstance(value, Spread):
                _add_spread(metric, names, value)
            else:
                metric.add_sample(series.text_name, names, value)
        yield metric


def _add_spread(metric: Metric, names: dict[str, str], value: Spread) -> None:
    for le, count in zip(_LE, value.below, strict=True):
        metric.add_sample(f"{metric.name}_bucket", {**names, "le": le}, count)
    metric.add_sample(f"{metric.name}_count", names, value.below[-1])
    metric.add_sample(f"{metric.name}_sum", names, value.sum_s)
