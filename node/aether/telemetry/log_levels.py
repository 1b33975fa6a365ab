"""Which loggers of this process log what: one level for all, and others for some of them by name.

A logger is the module that logs (`aether.control.manager`), or the name a library gives its own. A level
set for a name counts for everything below it too; the longest name that fits wins.
"""

import logging
import sys
from collections.abc import Mapping

import structlog

_NUMBERS = logging.getLevelNamesMapping()
_least = [logging.INFO]
"""The level for all. Loggers are kept by the modules that use them, so each event asks for it."""
_own: dict[str, int] = {}
"""Levels of some loggers by name."""


def set_level(level: str) -> None:
    """Have this process log `level` and what is worse from now on, whoever logs."""
    number = _NUMBERS[level.upper()]
    _least[0] = number
    logging.getLogger().setLevel(max(number, logging.WARNING))


def set_own_levels(levels: Mapping[str, str]) -> None:
    """Give some loggers levels of their own; those that had one before and are not named lose it.

    A level this version does not know is passed over: that logger logs as if it had none of its own.
    """
    known = {
        name: _NUMBERS[said.upper()] for name, said in levels.items() if said.upper() in _NUMBERS
    }
    for name in sorted(set(_own) - set(known)):
        logging.getLogger(name).setLevel(logging.NOTSET)
    _own.clear()
    for name, number in known.items():
        _own[name] = number
        logging.getLogger(name).setLevel(number)


def level_for(name: str) -> int:
    """Return the least level a logger logs, as a number of the standard `logging`."""
    while name:
        found = _own.get(name)
        if found is not None:
            return found
        name = name.rpartition(".")[0]
    return _least[0]


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
