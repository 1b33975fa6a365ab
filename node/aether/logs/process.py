"""The log of a process that is told by its node what to log, and whether the node wants the lines."""

from collections.abc import Callable
from typing import Any

import structlog

from aether.logs.buffer import LineBuffer
from aether.logs.orders import LogOrders, heed_levels, read_orders
from aether.logs.taps import add_tap, remove_tap

log = structlog.get_logger()


class ProcessLogs:
    """Of a router or a slice host. Nothing is changed before its node says something."""

    def __init__(self, heed: Callable[[LogOrders], None] = heed_levels) -> None:
        """`heed` has the loggers of this process log as told."""
        self._heed = heed
        self._are_wanted = False
        self.lines = LineBuffer()
        """What waits for the node; nothing while it does not want any."""

    def take(self, message: Any) -> bool:  # noqa: ANN401 - a frame
        """Act on a message of the node; False when it is about something else."""
        match message:
            case {"op": "logs"} | {"event": "logs"}:
                try:
                    self._obey(read_orders(message))
                except ValueError as problem:
                    log.warning("log levels refused", problem=str(problem)[:200])
                return True
        return False

    def connected(self) -> None:
        """Ship nothing over a new connection before it says that lines are wanted.

        The node may be another one than before, of a version that knows no lines.
        """
        self.lines.hold()

    def refused(self) -> None:
        """Keep no lines for a node that does not take them, until it says again that it wants them."""
        if self._are_wanted:
            log.info("the node takes no lines")
        self._keep_lines(wanted=False)

    def close(self) -> None:
        """Keep no more lines; say how many nobody has taken."""
        lost = len(self.lines) + self.lines.take_dropped()
        self._keep_lines(wanted=False)
        if lost:
            log.info("lines were not sent", count=lost)

    def _obey(self, orders: LogOrders) -> None:
        self._heed(orders)
        self._keep_lines(wanted=orders.lines)
        if orders.lines:
            self.lines.release()

    def _keep_lines(self, *, wanted: bool) -> None:
        if wanted == self._are_wanted:
            return
        self._are_wanted = wanted
        if wanted:
            add_tap(self.lines.offer)
        else:
            remove_tap(self.lines.offer)
            self.lines.forget()
