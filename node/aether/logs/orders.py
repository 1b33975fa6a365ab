"""What a node tells its processes about their logs, and the file that has it for those without a link.

Routers and hosts are told over their links to the node. Store and launcher have none for this: they look at
`run/log-orders.json` once a second. So they know it at their start too, before any node is there.
"""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from aether.logs.levels import set_level, set_own_levels

FILE = "log-orders.json"
"""Its name in the node's `run/`."""
MOST_BYTES = 1024 * 1024

log = structlog.get_logger()


class LogOrders(msgspec.Struct, frozen=True, kw_only=True):
    """From which levels on a process logs, and whether the node wants the lines themselves."""

    level: str = "info"
    """For Aether's own loggers, and libraries in its processes from `warning` on at most."""
    loggers: dict[str, str] = {}
    """For some loggers by name, and for all below them."""
    lines: bool = False
    """Whether lines are to be sent to the node, which has a collector for them."""


def read_orders(message: object) -> LogOrders:
    """Return what a message of a node says; raise ValueError when it says nothing of the kind."""
    return msgspec.convert(message, LogOrders)


def plain_orders(orders: LogOrders) -> dict[str, object]:
    """Return the fields of a message."""
    return {"level": orders.level, "loggers": dict(orders.loggers), "lines": orders.lines}


def heed_levels(orders: LogOrders) -> None:
    """Have this process, one of Aether's own, log as told."""
    set_level(orders.level)
    set_own_levels(orders.loggers)


def write_orders(path: Path, orders: LogOrders) -> None:
    """Write the file, whole or not at all. It is not synced: a node writes it at each start."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_bytes(msgspec.json.encode(orders))
    temporary.replace(path)


class OrdersFile:
    """Follows the file; one question to the file system each look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = (0, 0)
        self._loggers: dict[str, str] = {}

    def news(self) -> LogOrders | None:
        """Return what the file says when it is another one than at the last look."""
        try:
            stat = os.stat(self._path)  # noqa: PTH116 - once a second, for all of a node's life
            seen = (stat.st_ino, stat.st_mtime_ns)
            if seen == self._seen:
                return None
            self._seen = seen
            with self._path.open("rb") as file:
                return msgspec.json.decode(file.read(MOST_BYTES), type=LogOrders)
        except FileNotFoundError:
            return None  # a node of an earlier version writes none
        except (OSError, ValueError) as problem:
            log.warning("log levels are not read", path=str(self._path), problem=str(problem))
            return None

    def heed(self, how: Callable[[LogOrders], None] = heed_levels) -> None:
        """Log as the file says, when it says something new."""
        orders = self.news()
        if orders is None:
            return
        how(orders)
        if orders.loggers != self._loggers:
            log.info("log levels changed", before=self._loggers, now=orders.loggers)
            self._loggers = orders.loggers
