"""Rehearsals on a node: one at a time, off the loop, and the outlines of the last ones kept.

A rehearsal is processor time: on the loop it would hold up everything the node answers for. In a thread
it shares the interpreter and the loop still gets its turn every few milliseconds.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from aether.api.problems import Overloaded
from aether.config.runtime_settings import control_settings
from aether.core.control.rehearsal import rehearse
from aether.core.control.rehearsal_nodes import Pace
from aether.core.control.rehearsal_outcome import Rehearsal
from aether.core.control.signals import ControlSettings
from aether.core.model.view import ClusterView
from aether.core.store.commands import Operation

TURN_S = 10.0
"""Longest wait for the rehearsals asked for before."""
MOST_WAITING = 4
"""Calls that may wait for their turn; the next is refused at once."""
KEPT_PLANS = 16
KEPT_SENTENCES = 100_000
"""Sentences of all outlines kept; the oldest plans go first."""

_T = TypeVar("_T")


@dataclass(slots=True)
class Rehearsals:
    """Made on the node that leads; what it remembers helps to say what differs, nothing more."""

    settings: ControlSettings = field(default_factory=ControlSettings)
    """What this node was given; what was changed at run time counts on top of it."""
    pace: Pace = field(default_factory=Pace)
    turn_s: float = TURN_S
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    _waiting: int = 0
    _known: OrderedDict[str, Sequence[str]] = field(default_factory=OrderedDict)

    async def rehearse(self, view: ClusterView, changes: Sequence[Operation]) -> Rehearsal:
        """Return what comes of `changes`; raise Overloaded when others take too long."""
        settings = control_settings(self.settings, view.config)
        found = await self.in_turn(partial(rehearse, view, changes, settings, self.pace))
        self._remember(found)
        return found

    async def in_turn(self, work: Callable[[], _T]) -> _T:
        """Run `work` in a thread when it is its turn. Cancelled meanwhile, the turn lasts until its end."""
        if self._waiting >= MOST_WAITING:
            raise Overloaded(f"{self._waiting} plans wait to be made already")
        self._waiting += 1
        try:
            async with asyncio.timeout(self.turn_s):
                await self._turn.acquire()
        except TimeoutError as late:
            raise Overloaded(f"plans asked for before took longer than {self.turn_s:g} s") from late
        finally:
            self._waiting -= 1
        running = asyncio.get_running_loop().run_in_executor(None, work)
        running.add_done_callback(self._end_turn)
        return await asyncio.shield(running)

    def _end_turn(self, done: "asyncio.Future[_T]") -> None:
        self._turn.release()
        if not done.cancelled():
            done.exception()  # seen, should nobody wait for it any more

    def outline(self, digest: str) -> Sequence[str] | None:
        """Return the outline of a plan made here lately; None when it is not known."""
        return self._known.get(digest)

    def _remember(self, found: Rehearsal) -> None:
        self._known[found.digest] = found.outline
        self._known.move_to_end(found.digest)
        while len(self._known) > 1 and (
            len(self._known) > KEPT_PLANS
            or sum(len(outline) for outline in self._known.values()) > KEPT_SENTENCES
        ):
            self._known.popitem(last=False)
