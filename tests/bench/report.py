"""Results as one JSON object a line on standard output, and as a table on standard error."""

import json
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One number; `ratio` is product ÷ peer, absent where no peer was measured."""

    bench: str
    case: str
    metric: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    conditions: str = ""


def conditions(*more: str) -> str:
    """Say on what it was measured."""
    parts = (
        f"Python {platform.python_version()}",
        f"{psutil.cpu_count()} cores",
        f"load {psutil.getloadavg()[0]:.1f}",
        *more,
    )
    return ", ".join(parts)


def own_results(
    bench: str, numbers: Iterable[tuple[str, str, float, str]], said: str, digits: int = 3
) -> list[Result]:
    """Return results without a peer; `numbers` are case, metric, value and unit, `said` the conditions."""
    return [
        Result(
            bench=bench,
            case=case,
            metric=metric,
            value=round(value, digits),
            unit=unit,
            conditions=said,
        )
        for case, metric, value, unit in numbers
    ]


def write(results: list[Result]) -> None:
    """Print the results for machines and for people."""
    for result in results:
        sys.stdout.write(json.dumps(asdict(result)) + "\n")
    sys.stdout.flush()
    width = max((len(result.case) for result in results), default=0)
    for result in results:
        ratio = (
            ""
            if result.ratio is None
            else f"   {result.ratio:.2f} x {result.peer} ({result.peer_value:,.3f})"
        )
        number = f"{result.value:14,.3f}"
        sys.stderr.write(
            f"{result.case:{width}}  {result.metric:5} {number} {result.unit}{ratio}\n"
        )
    if results:
        sys.stderr.write(f"{results[0].conditions}\n")
