"""Long texts are read one at a time, in a thread beside the loop; few wait, and none for long.

The thread shares the interpreter with everything the node does: what is read at once is what others wait for.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from aether.api.problems import Overloaded

READ_S = 10.0
"""Longest wait for a text to be read, those before it included."""
MOST_WAITING = 16
"""Texts held while others are read, the one being read among them; the next is refused at once."""

_reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="blueprint")
"""Reads one text at a time, however many nodes share this process."""

_T = TypeVar("_T")


@dataclass(slots=True)
class Readings:
    """The long texts one node is reading."""

    read_s: float = READ_S
    waiting: int = 0
    """Texts taken whose callers wait."""

    async def read(self, read: Callable[[], _T]) -> _T:
        """Return what `read` makes of a text; raises what it raises.

        Raises Overloaded when MOST_WAITING are held, or when it is not read in time.
        """
        if self.waiting >= MOST_WAITING:
            raise Overloaded(
                f"{self.waiting} blueprints wait to be read; the limit is {MOST_WAITING}"
            )
        self.waiting += 1
        try:
            async with asyncio.timeout(self.read_s):
                return await asyncio.get_running_loop().run_in_executor(_reader, read)
        except TimeoutError as late:
            raise Overloaded(
                f"the blueprint was not read within {self.read_s:g} s, behind others"
            ) from late
        finally:
            self.waiting -= 1
