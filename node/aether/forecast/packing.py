"""A batch of histories as bytes, and what the model answers to it: nothing else goes to its process and back.

Nothing here needs numpy, so that a node that only sends batches away does not load it.
"""

from array import array
from collections.abc import Iterator, Sequence

import msgspec

from aether.forecast.shape import COARSE, COARSE_STEPS, DAY, DAY_BEFORE, HORIZON, day_steps

RECENT = COARSE * COARSE_STEPS
"""Newest steps that are looked at."""
Row = tuple[float, float, float, float]
Rows = tuple[Row, ...]
"""HORIZON rows of QUANTILES, in the units of the history."""
_GAPS = array("f", [float("nan")]) * max(RECENT, DAY)


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """What of a batch of histories the inputs are made of; NaN is a step nobody measured or there is none of."""

    sizes: tuple[int, ...]
    """Length of each history, in steps."""
    recent: bytes
    """The newest `RECENT` steps of each, as float32."""
    day: bytes
    """`DAY` steps of yesterday about this time, likewise."""


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What came of a batch."""

    places: tuple[int, ...] = ()
    """Of the histories that have a forecast, in order."""
    quantiles: bytes = b""
    """[HORIZON, len(QUANTILES)] for each of those, as float32."""
    cpu_s: float = 0.0
    """CPU time it took, where that was another process's."""
    problem: str = ""
    """Why there is no answer at all."""
    passing: bool = False
    """Whether that may go by itself, as where memory was short."""


def packed(histories: Sequence[Sequence[float]], step_s: float) -> Packed:
    """Pack histories, oldest step first; NaN is a step nobody measured. They may be of any length, also empty."""
    recent, day, sizes = list["array[float]"](), list["array[float]"](), list[int]()
    behind = day_steps(step_s)
    for history in histories:
        size = len(history)
        if size < RECENT:
            recent.append(_GAPS[size:RECENT])
        recent.append(_single(history[-RECENT:]))
        first = size - behind - DAY_BEFORE
        whole = behind and first >= 0
        day.append(_single(history[first : first + DAY]) if whole else _GAPS[:DAY])
        sizes.append(size)
    return Packed(tuple(sizes), b"".join(recent), b"".join(day))


def unpacked(answer: Answer, histories: int) -> list[Rows | None]:
    """Return the forecast of each of so many histories; None for those without one.

    Raises ValueError for an answer that is not as long as it says.
    """
    answers: list[Rows | None] = [None] * histories
    quantiles = array("f", answer.quantiles)
    for place, rows in zip(answer.places, _rows(quantiles), strict=True):
        answers[place] = rows
    return answers


def _rows(quantiles: "array[float]") -> Iterator[Rows]:
    """Return quantiles as plain numbers, without a list of each row in between."""
    numbers = iter(quantiles.tolist())
    rows: Iterator[Row] = zip(numbers, numbers, numbers, numbers, strict=True)
    return zip(*[rows] * HORIZON, strict=True)


def _single(steps: Sequence[float]) -> "array[float]":
    """Return steps as float32; those histories are kept in are that already."""
    return steps if isinstance(steps, array) and steps.typecode == "f" else array("f", steps)
