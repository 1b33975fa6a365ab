"""Which loggers of this process log what: one level for all, and others for some of them by name.

A logger is the module that logs (`aether.control.manager`), or the name a library or an author's code gives
its own. A level set for a name counts for everything below it too; the longest name that fits wins.
"""

import logging
import sys
from collections.abc import Mapping
from typing import NamedTuple

import structlog

_NUMBERS = logging.getLevelNamesMapping()
_OURS = "aether"
"""The package of which all modules are that log and are ours."""
_ROOT = logging.getLogger().name
_least = [logging.INFO]
"""The level for all. Loggers are kept by the modules that use them, so each event asks for it."""
_own: dict[str, int] = {}
"""Levels of some loggers by name."""


class _Touched(NamedTuple):
    """A logger of the standard library that was given a level, and how it was before."""

    given: int
    level: int
    disabled: bool


_touched: dict[str, _Touched] = {}


def set_level(level: str, *, libraries: bool = True) -> None:
    """Have this process log `level` and what is worse from now on, whoever logs.

    Libraries that use the standard `logging` log from `warning` on at most; with `libraries` false they
    stay as they are.
    """
    number = _NUMBERS.get(level.upper(), logging.INFO)
    _least[0] = number
    if libraries:
        logging.getLogger().setLevel(max(number, logging.WARNING))


def set_own_levels(levels: Mapping[str, str]) -> None:
    """Give some loggers levels of their own; those that had one before and are not named lose it.

    A level this version does not know is passed over: that logger logs as if it had none of its own. So is
    `root`, by which the standard `logging` means all of them: that one goes by the level for all.
    """
    name_levels(levels)
    for name in sorted(set(_touched) - set(_own)):
        _give_back(name, _touched.pop(name))
    for name, number in _own.items():
        _touch(name, number)


def name_levels(levels: Mapping[str, str]) -> None:
    """Do so for our own loggers alone, and have no logger of the standard library made.

    For a launcher: a slice's `dictConfig` puts loggers out of use that were there before it.
    """
    known = {
        name: _NUMBERS[said.upper()]
        for name, said in levels.items()
        if said.upper() in _NUMBERS and name != _ROOT
    }
    _own.clear()
    _own.update(known)


def own_levels() -> dict[str, str]:
    """Return the levels some loggers have of their own."""
    return {name: logging.getLevelName(number).lower() for name, number in _own.items()}


def level_for(name: str) -> int:
    """Return the least level a logger logs, as a number of the standard `logging`."""
    named = _named_level(name)
    return _least[0] if named is None else named


def _named_level(name: str) -> int | None:
    while name:
        found = _own.get(name)
        if found is not None:
            return found
        name = name.rpartition(".")[0]
    return None


def drop_below_level(
    _: object, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Drop what is below the level of the module that logs; name that module in what stays."""
    number = _NUMBERS.get(method.upper(), logging.ERROR)
    if not _own and number < _least[0]:
        raise structlog.DropEvent  # the usual case: nobody's name is asked for
    name = _who_logs()
    if number < level_for(name):
        raise structlog.DropEvent
    event.setdefault("logger", name)
    return event


def drop_below_level_among_others(
    _: object, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Do so where code that is not ours logs this way too: the level for all is not for that."""
    number = _NUMBERS.get(method.upper(), logging.ERROR)
    name = _who_logs()
    is_ours = name == _OURS or name.startswith(f"{_OURS}.")
    least = level_for(name) if is_ours else _named_level(name)
    if least is not None and number < least:
        raise structlog.DropEvent
    event.setdefault("logger", name)
    return event


def _touch(name: str, number: int) -> None:
    """Give a standard logger a level; it says something even where a `dictConfig` had put it out of use."""
    logger = logging.getLogger(name)
    before = _touched.get(name, _Touched(number, logger.level, logger.disabled))
    _touched[name] = before._replace(given=number)
    logger.setLevel(number)
    logger.disabled = False


def _give_back(name: str, before: _Touched) -> None:
    """Have a standard logger be as it was, unless somebody has given it another level meanwhile."""
    logger = logging.getLogger(name)
    if logger.level == before.given:
        logger.setLevel(before.level)
    logger.disabled = before.disabled


def _who_logs() -> str:
    """Return the module of the first caller that is neither structlog nor this one."""
    frame = sys._getframe(2)  # noqa: SLF001 - the documented way to ask who calls
    while True:
        name = str(frame.f_globals.get("__name__", ""))
        if not name.startswith("structlog"):
            return name
        if frame.f_back is None:
            return ""
        frame = frame.f_back
