"""Speaks to a haproxy at the edge: commands while it runs, files and a reload where commands cannot do."""

import asyncio
from pathlib import Path

import structlog

from aether.core.dataplane.haproxy import CONFIG, MAP, Place, Plan, commands, leftovers, plan
from aether.core.dataplane.table import Table
from aether.dataplane.streams import end_stream
from aether.whole_files import write_whole

ANSWER_S = 5.0
"""Longest wait for an answer of haproxy."""
RELOAD_S = 10.0
"""Longest wait for a new worker after a reload."""
MAX_ANSWER_BYTES = 1024 * 1024
COMMANDS_A_LINE = 30
"""Commands sent at once: haproxy reads a line of 16 KiB at most."""
_LOOK_S = 0.05
_HARMLESS = frozenset({"", "New server registered."})

log = structlog.get_logger()


class HaproxyLink:
    """Keeps one haproxy on the routing table.

    The files always say what haproxy was told, so that it comes up right when somebody restarts it.
    `master` is the socket of its master process, by which it is told to reload.
    """

    def __init__(self, place: Place, master: Path) -> None:
        self._place, self._master = place, master
        self._told: Plan | None = None
        self._written: Plan | None = None
        self._leaving: set[str] = set()

    @property
    def is_behind(self) -> bool:
        """Whether there is something left that haproxy could not be told, or did not do yet."""
        return self._told is None or bool(self._leaving)

    async def tell(self, table: Table) -> None:
        """Have haproxy go by the table; raise OSError when it cannot be reached or a file not written."""
        before, after = self._told, plan(table, self._place)
        if before != after:
            await asyncio.to_thread(self._write, after)
            self._told = None  # until it has been told
            steps = commands(before, after) if before is not None else None
            if steps is None or before is None or not await self._run(steps):
                await self._reload()
            else:
                self._leaving.update(leftovers(before, after))
            self._told = after
        await self._delete()

    def _write(self, after: Plan) -> None:
        folder, before = Path(self._place.folder), self._written
        if before is None or before.routes != after.routes:
            write_whole(folder / MAP, after.routes.encode())
        if before != after:
            write_whole(folder / CONFIG, after.config.encode())
        self._written = after

    async def _run(self, steps: list[str]) -> bool:
        """Run commands; say whether haproxy took every one of them."""
        for first in range(0, len(steps), COMMANDS_A_LINE):
            line = ";".join(steps[first : first + COMMANDS_A_LINE])
            answer = await _ask(Path(self._place.runtime), line)
            odd = [each for each in map(str.strip, answer.splitlines()) if each not in _HARMLESS]
            if odd:
                log.warning("haproxy did not take a command", answer=odd[0][:200])
                return False
        return True

    async def _reload(self) -> None:
        """Have a new worker read the files; commands are for it, so wait until it answers."""
        before = await self._worker()
        await _ask(self._master, "reload")
        self._leaving.clear()  # the next worker knows only what the files say
        async with asyncio.timeout(RELOAD_S):
            while await self._worker() in ("", before):  # noqa: ASYNC110 - another program rings no bell
                await asyncio.sleep(_LOOK_S)

    async def _worker(self) -> str:
        """Return the line that tells one worker from the next; empty while none answers."""
        try:
            answer = await _ask(Path(self._place.runtime), "show info")
        except OSError:
            return ""
        return next((line for line in answer.splitlines() if line.startswith("Pid:")), "")

    async def _delete(self) -> None:
        """Delete servers that have answered their last request; haproxy refuses the others for now."""
        for name in sorted(self._leaving):
            answer = await _ask(Path(self._place.runtime), f"del server {name}")
            if "deleted" in answer or "No such" in answer:
                self._leaving.discard(name)


async def _ask(socket: Path, line: str) -> str:
    """Send one line to a socket of haproxy and return its answer; raise OSError when there is none."""
    async with asyncio.timeout(ANSWER_S):
        reader, writer = await asyncio.open_unix_connection(str(socket))
        try:
            writer.write(f"{line}\n".encode())
            answer = b""
            while (more := await reader.read(MAX_ANSWER_BYTES)) and len(answer) < MAX_ANSWER_BYTES:
                answer += more
            return answer.decode("utf-8", "replace")
        finally:
            await end_stream(writer)
