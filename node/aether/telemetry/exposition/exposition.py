"""Looks at every source and keeps what it saw for a moment; writes pages of it, in a thread.

Whatever asks - a scrape, the exporter of OTLP, several at once - shares one look at a time.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from aether.ports import Clock
from aether.telemetry.exposition.pages import Page, Taken, checked, packed, page, taken
from aether.telemetry.exposition.series import Sample, Series, Source, Tell

_log = structlog.get_logger()

LOOK_S = 1.0
"""Longest time a source may take to look; its series are absent from that page then."""
KEEP_S = 1.0
"""How long a look is kept: whoever asks more often gets the same page."""
MOST_PAGES = 8
"""Pages kept of one look: two forms, packed or not, are four."""

SOURCE = "exposition"
"""Name of the source that tells of the exposition itself."""

_row = partial(Series, source=SOURCE)
ROWS: tuple[Series, ...] = (
    _row(kind="gauge", name="aether_exposition_samples", help="Values told in this answer."),
    _row(kind="counter", name="aether_exposition_looks", help="Times the values were gathered."),
    _row(
        kind="counter",
        name="aether_exposition_cpu_seconds",
        help="Processor time spent on gathering and writing values.",
        unit="seconds",
    ),
    _row(
        kind="counter",
        name="aether_exposition_failures",
        help="Looks in which a source told nothing, so that its series are absent.",
        labels=("source",),
        most=32,
        calm="nothing failed",
    ),
    _row(
        kind="gauge",
        name="aether_exposition_dropped_label_sets",
        help="Label sets of a series left out of this answer, for there were more than its most.",
        labels=("series",),
        most=256,
        calm="every series has fewer than its most",
    ),
)  # fmt: skip


@dataclass(slots=True)
class _Kept:
    """One look and the pages made of it."""

    made_at: float
    found: Taken
    pages: dict[tuple[str, bool], Page] = field(default_factory=dict)


class Exposition:
    """What the node tells. One owner: the event loop it is made for."""

    def __init__(
        self,
        table: Sequence[Series],
        sources: Sequence[Source],
        clock: Clock,
        keep_s: float = KEEP_S,
    ) -> None:
        self._table = tuple(table)
        self._by_name: Mapping[str, Series] = {series.name: series for series in table}
        self._sources = tuple(sources)
        self._clock = clock
        self._keep_s = keep_s
        self._turn = asyncio.Lock()
        self._kept: _Kept | None = None
        self._failures = {source.name: 0 for source in sources}
        self._looks = 0
        self._busy_s = 0.0

    @property
    def table(self) -> Sequence[Series]:
        """Every series there can be."""
        return self._table

    def add(self, source: Source) -> None:
        """Have another source asked from the next look on; its series stand in the table."""
        self._sources = (*self._sources, source)
        self._failures[source.name] = 0

    async def look(self) -> Taken:
        """Return the values of now, or of at most `keep_s` ago."""
        async with self._turn:
            return (await self._fresh()).found

    async def scrape(self, accept: str = "", *, pack: bool = False) -> Page:
        """Return a page for an `Accept` header, packed with gzip if wanted."""
        async with self._turn:
            kept = await self._fresh()
            made = kept.pages.get((accept, pack))
            if made is None:
                made = await asyncio.to_thread(self._page, kept.found, accept, pack)
                if len(kept.pages) < MOST_PAGES:
                    kept.pages[accept, pack] = made
            return made

    async def _fresh(self) -> _Kept:
        kept = self._kept
        if kept is None or self._clock.now() - kept.made_at >= self._keep_s:
            tells = await asyncio.gather(*(self._looked(source) for source in self._sources))
            found = await asyncio.to_thread(self._told, tells)
            kept = self._kept = _Kept(self._clock.now(), found)
        return kept

    async def _looked(self, source: Source) -> tuple[Source, Tell]:
        try:
            async with asyncio.timeout(LOOK_S):
                return source, await source.look()
        except Exception as problem:  # noqa: BLE001 - one part that fails must not silence the others
            self._failed(source, problem)
            return source, tuple

    def _told(self, tells: Sequence[tuple[Source, Tell]]) -> Taken:
        began = time.thread_time()
        samples: list[Sample] = []
        for source, tell in tells:
            try:
                samples += checked(self._by_name, tell())
            except Exception as problem:  # noqa: BLE001 - as above
                self._failed(source, problem)
        self._looks += 1
        found = taken(self._by_name, (*samples, *self._own(samples)))
        self._busy_s += time.thread_time() - began
        if found.dropped:
            dropped = (
                Sample("aether_exposition_dropped_label_sets", (name,), count)
                for name, count in sorted(found.dropped.items())
            )
            return taken(self._by_name, (*samples, *self._own(samples), *dropped))
        return found

    def _own(self, samples: Sequence[Sample]) -> Iterator[Sample]:
        if not self._sources:
            return
        yield Sample("aether_exposition_samples", (), len(samples))
        yield Sample("aether_exposition_looks", (), self._looks)
        yield Sample("aether_exposition_cpu_seconds", (), self._busy_s)
        for name, count in sorted(self._failures.items()):
            yield Sample("aether_exposition_failures", (name,), count)

    def _page(self, found: Taken, accept: str, pack: bool) -> Page:  # noqa: FBT001 - called by to_thread only
        began = time.thread_time()
        made = page(self._table, found, accept)
        if pack:
            made = Page(made.content_type, packed(made.body))
        self._busy_s += time.thread_time() - began
        return made

    def _failed(self, source: Source, problem: Exception) -> None:
        self._failures[source.name] += 1
        if self._failures[source.name] == 1:
            _log.exception("a source of metrics failed", source=source.name, exc_info=problem)
        else:
            _log.debug("a source of metrics failed again", source=source.name, problem=str(problem))
