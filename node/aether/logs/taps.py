"""Whoever wants each line of the logs of this process beside its being written."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

Tap = Callable[[Mapping[str, Any]], None]
"""Takes the fields of a line, from any thread; must be quick, must not log, and must not keep the mapping."""

_taps: list[Tap] = []


def add_tap(tap: Tap) -> None:
    """Have `tap` called with each line from now on."""
    _taps.append(tap)


def remove_tap(tap: Tap) -> None:
    """Call it no more; no error when it is not called."""
    if tap in _taps:
        _taps.remove(tap)


def pass_on(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Call every tap with a line (a structlog processor)."""
    hand_on(event)
    return event


def hand_on(event: Mapping[str, Any]) -> None:
    """Call every tap with the fields of a line."""
    for tap in tuple(_taps):
        tap(event)
