"""One look is shared, kept for a second, and no source can silence the others."""

import asyncio
from collections.abc import Sequence

from aether.telemetry.exposition import table
from aether.telemetry.exposition.exposition import Exposition
from aether.telemetry.exposition.series import Sample, Series, Source, Tell
from tests.exposition_world import read_text, source_of

OWN = tuple(row for row in table.SERIES if row.source == "exposition")
A = Series(name="aether_a", kind="gauge", help="A.", source="a", labels=("x",), most=2)
B = Series(name="aether_b", kind="gauge", help="B.", source="b")
OPEN = "application/openmetrics-text"


class ClockAt:
    """Stands where it is put."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def exposition(sources: Sequence[Source], clock: ClockAt) -> Exposition:
    return Exposition((A, B, *OWN), sources, clock)


def counting(name: str) -> tuple[Source, list[int]]:
    looks: list[int] = []

    async def look() -> Tell:
        looks.append(1)
        return lambda: [Sample("aether_b", (), len(looks))]

    return Source(name, look), looks


async def test_a_look_is_kept_for_a_second_and_shared() -> None:
    clock, (source, looks) = ClockAt(), counting("b")
    one = exposition([source], clock)
    pages = await asyncio.gather(*(one.scrape(OPEN) for _ in range(5)))
    assert len(looks) == 1
    assert len({page.body for page in pages}) == 1
    clock.seconds += 0.9
    await one.scrape("")
    assert len(looks) == 1
    clock.seconds += 0.2
    values = read_text((await one.scrape(OPEN)).body)
    assert len(looks) == 2
    assert values["aether_b", frozenset()] == 2
    assert values["aether_exposition_looks_total", frozenset()] == 2


async def test_a_source_that_fails_is_absent_and_counted() -> None:
    async def broken() -> Tell:
        raise OSError("gone")

    async def late() -> Tell:
        return lambda: [Sample("aether_unknown", (), 1)]

    sources = [Source("a", broken), Source("late", late), source_of("b", Sample("aether_b", (), 7))]
    values = read_text((await exposition(sources, ClockAt()).scrape(OPEN)).body)
    assert values["aether_b", frozenset()] == 7
    assert values["aether_exposition_failures_total", frozenset({("source", "a")})] == 1
    assert values["aether_exposition_failures_total", frozenset({("source", "late")})] == 1
    assert values["aether_exposition_failures_total", frozenset({("source", "b")})] == 0


async def test_what_is_left_out_is_told() -> None:
    samples = [Sample("aether_a", (str(n),), n) for n in range(5)]
    values = read_text((await exposition([source_of("a", *samples)], ClockAt()).scrape(OPEN)).body)
    dropped = "aether_exposition_dropped_label_sets", frozenset({("series", "aether_a")})
    assert values[dropped] == 3
    assert values["aether_a", frozenset({("x", "1")})] == 1


async def test_odd_accept_headers_do_not_pile_up_pages() -> None:
    one = exposition([source_of("b", Sample("aether_b", (), 1))], ClockAt())
    for number in range(30):
        assert (await one.scrape(f"text/x-{number}")).body.startswith(b"# HELP aether_b B.")
    assert one._kept is not None
    assert len(one._kept.pages) == 8


async def test_a_look_is_there_for_others_than_scrapers() -> None:
    found = await exposition([source_of("b", Sample("aether_b", (), 1))], ClockAt()).look()
    assert found.values["aether_b"] == {(): 1}
