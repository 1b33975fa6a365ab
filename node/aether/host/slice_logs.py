"""Logs of launcher and hosts: our own lines, and those of slices, by the standard `logging` or by structlog.

Rules for this file. What an author does about logging stands: handlers and forms are theirs, and a level is
changed for loggers an operator named alone. Nothing is asked of the loggers a slice will have before it has
been imported: a `dictConfig` in it puts loggers out of use that were there before.
"""

import logging

import structlog

from aether.logs.levels import (
    drop_below_level_among_others,
    name_levels,
    own_levels,
    set_level,
    set_own_levels,
)
from aether.logs.lines import event_of
from aether.logs.orders import LogOrders
from aether.logs.taps import hand_on, pass_on
from aether.logs.trace_names import add_trace, name_traces

_PROCESSORS: list[structlog.typing.Processor] = [
    drop_below_level_among_others,
    add_trace,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    pass_on,
    structlog.processors.JSONRenderer(),
]
_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s%(trace)s"


def configure_launcher() -> None:
    """Set up structlog for a launcher and its hosts, where code of slices may use it as it finds it."""
    structlog.configure(processors=_PROCESSORS)


def heed_as_launcher(orders: LogOrders) -> None:
    """Have a launcher log as told, and the hosts it forks from their first line on."""
    set_level(orders.level)
    name_levels(orders.loggers)


def configure_host() -> None:
    """Have libraries of slices, which use `logging`, write to the host's log."""
    name_traces()
    logging.basicConfig(level=logging.INFO, format=_FORM, force=True)


def heed_inherited() -> None:
    """Give the loggers of a slice that was just imported the levels its launcher knows."""
    set_own_levels(own_levels())


def heed_as_host(orders: LogOrders) -> None:
    """Have a host log as told; loggers of the slice nobody named log from `info` on as before.

    When lines are wanted they are taken from the root logger, again where a `dictConfig` took that away.
    """
    set_level(orders.level, libraries=False)
    set_own_levels(orders.loggers)
    root = logging.getLogger()
    if orders.lines:
        root.addHandler(_tap)  # nothing happens where it is there already
    else:
        root.removeHandler(_tap)


class _Tap(logging.Handler):
    """Hands records to whoever wants lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record; what goes wrong goes where errors of handlers go."""
        try:
            hand_on(event_of(record))
        except Exception:  # noqa: BLE001 - as every handler: who logs must not suffer
            self.handleError(record)


_tap = _Tap()
