"""Numbers of several peers, paired: ours with the peer's beside it."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from tests.bench.report import Result

PRODUCT = "aether"


@dataclass(frozen=True, slots=True)
class Number:
    """One measurement of one peer; several of the same name are rounds, and their median counts."""

    peer: str
    case: str
    metric: str
    value: float
    unit: str


def paired(numbers: Iterable[Number], said: str) -> list[Result]:
    """Return one result for each case and metric, with the other peer's value where there is one."""
    groups: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for number in numbers:
        found = groups.setdefault((number.case, number.metric, number.unit), {})
        found.setdefault(number.peer, []).append(number.value)
    return [_result(*name, values, said) for name, values in groups.items()]


def _result(case: str, metric: str, unit: str, values: dict[str, list[float]], said: str) -> Result:
    middle = {peer: statistics.median(found) for peer, found in values.items()}
    first = PRODUCT if PRODUCT in middle else next(iter(middle))
    other = next((peer for peer in middle if peer != first), None)
    ratio = middle[first] / middle[other] if other is not None and middle[other] else None
    return Result(
        bench="store",
        case=case if first == PRODUCT else f"{first}: {case}",
        metric=metric,
        value=round(middle[first], 4),
        unit=unit,
        peer=other,
        peer_value=None if other is None else round(middle[other], 4),
        ratio=None if ratio is None else round(ratio, 3),
        conditions=said,
    )
