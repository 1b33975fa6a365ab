"""What the processes of a node are told about their logs: all of it each time, from one place."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import structlog

from aether.logs.levels import set_level, set_own_levels
from aether.logs.orders import LogOrders, write_orders

_log = structlog.get_logger()

Listener = Callable[[LogOrders], None]


class NodeLogs:
    """Sets the levels of the node process, and tells the others of the node.

    Nobody is told before the levels of single loggers are known: the others outlive a node, and go on as
    the one before said until then.
    """

    def __init__(self, file: Path) -> None:
        """`file` is where processes without a link look."""
        self._file = file
        self._listeners: list[Listener] = []
        self._orders = LogOrders()
        self._is_known = False

    def tell(self, listener: Listener) -> None:
        """Have `listener` told now, if there is something to tell, and whenever something changes."""
        self._listeners.append(listener)
        if self._is_known:
            listener(self._orders)

    def set_level(self, level: str) -> None:
        """Have Aether's own loggers log from this level on, in every process of the node."""
        set_level(level)
        self._give(msgspec.structs.replace(self._orders, level=level))

    def set_own_levels(self, levels: Mapping[str, str]) -> None:
        """Have some loggers log from levels of their own on, in every process of the node."""
        set_own_levels(levels)
        self._is_known = True
        self._give(msgspec.structs.replace(self._orders, loggers=dict(levels)))

    def want_lines(self) -> None:
        """Have routers and hosts send their lines."""
        self._give(msgspec.structs.replace(self._orders, lines=True))

    def _give(self, orders: LogOrders) -> None:
        self._orders = orders
        if not self._is_known:
            return
        try:
            write_orders(self._file, orders)
        except OSError as problem:
            _log.warning("log levels are not told", path=str(self._file), problem=str(problem))
        for listener in self._listeners:
            listener(orders)
