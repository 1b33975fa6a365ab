"""A thread of its own for one connection to the chronicle's file: the loop never waits for a disk."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from aether.chronicle.database import Unusable, is_damage

_T = TypeVar("_T")


class Thread:
    """Does one thing after the other, in the order asked."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, work: Callable[[], _T]) -> _T:
        """Return what `work` returns.

        Raises Unusable when the file proves damaged, OSError when it cannot be used now. What was
        begun is done even when the caller no longer waits.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except sqlite3.DatabaseError as problem:
            if is_damage(problem):
                raise Unusable(f"it is damaged: {problem}") from problem
            if isinstance(problem, sqlite3.OperationalError):
                raise OSError(f"the chronicle's file: {problem}") from problem
            raise

    def close(self) -> None:
        """Let the thread end once what was asked is done."""
        self._executor.shutdown(wait=False)
