"""From samples of rounds to results: medians, and ratios taken within a round."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.report import Result

PRODUCT = "aether"
UNITS = {
    "cpu": "s/10k",
    "ops": "1/s",
    "p50": "ms",
    "p99": "ms",
    "rss": "MiB",
    "pss": "MiB",
    "first": "s",
}
"""Of each metric; `cpu` is CPU-seconds per 10,000 requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one round of one case gave for one peer."""

    peer: str
    case: str
    turn: int
    metrics: Mapping[str, float]


def results(samples: Iterable[Sample], bench: str, said: str) -> Iterator[Result]:
    """Yield, for each case and metric, ours beside each peer; alone where there was none.

    A ratio is the median over the rounds of ours divided by the peer's in the same round.
    """
    cases: dict[str, dict[str, list[Sample]]] = {}
    for sample in samples:
        cases.setdefault(sample.case, {}).setdefault(sample.peer, []).append(sample)
    for case, peers in cases.items():
        for metric in peers[PRODUCT][0].metrics:
            others: list[str | None] = [name for name in peers if name != PRODUCT]
            for peer in others or [None]:
                yield _result(peers, peer, metric, bench=bench, case=case, said=said)


def _result(
    peers: Mapping[str, Sequence[Sample]],
    peer: str | None,
    metric: str,
    *,
    bench: str,
    case: str,
    said: str,
) -> Result:
    mine = _values(peers[PRODUCT], metric)
    theirs = _values(peers[peer], metric) if peer is not None else {}
    shared = [mine[turn] / theirs[turn] for turn in mine if theirs.get(turn)]
    return Result(
        bench=bench,
        case=case,
        metric=metric,
        value=round(statistics.median(mine.values()), 4),
        unit=UNITS[metric],
        peer=peer,
        peer_value=round(statistics.median(theirs.values()), 4) if theirs else None,
        ratio=round(statistics.median(shared), 3) if shared else None,
        conditions=said,
    )


def _values(samples: Sequence[Sample], metric: str) -> dict[int, float]:
    """Return a metric by round."""
    return {sample.turn: sample.metrics[metric] for sample in samples}
