import sqlite3
import threading

import pytest

from aether.chronicle.database import Unusable
from aether.chronicle.thread import Thread


def failing(code: int, kind: type[sqlite3.Error]) -> None:
    problem = kind("trouble")
    problem.sqlite_errorcode = code
    raise problem


async def test_work_is_done_elsewhere_one_after_the_other() -> None:
    thread = Thread("t")
    assert await thread.run(lambda: threading.current_thread().name) == "t_0"
    with pytest.raises(Unusable, match="damaged"):
        await thread.run(lambda: failing(sqlite3.SQLITE_CORRUPT, sqlite3.DatabaseError))
    with pytest.raises(OSError, match="trouble"):
        await thread.run(lambda: failing(sqlite3.SQLITE_FULL, sqlite3.OperationalError))
    with pytest.raises(sqlite3.IntegrityError):
        await thread.run(lambda: failing(sqlite3.SQLITE_CONSTRAINT, sqlite3.IntegrityError))
    thread.close()
