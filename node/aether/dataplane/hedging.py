"""When a second copy of a request is sent because the first stays silent.

Only a GET without a body on a route that asks for it, and only out of the retry budget: the copy
that is answered first wins, the other is ended, and each is counted once at its instance.
"""

import asyncio
from collections.abc import Callable

from aether.dataplane.heads import RequestHead


class Hedge:
    """The wait of one request for its second copy."""

    __slots__ = ("_timer",)

    def __init__(self, after_s: float, send: Callable[[], None]) -> None:
        """Call `send` once after so many seconds unless cancelled before."""
        self._timer = asyncio.get_running_loop().call_later(after_s, send)

    def cancel(self) -> None:
        """Send no copy any more."""
        self._timer.cancel()


def may_hedge(head: RequestHead) -> bool:
    """Whether sending this request twice at once is harmless and costs no body."""
    return head.method == "GET" and head.length == 0 and not head.upgrade
