"""What the chronicle tells of a revision is what the store held, whatever happened in between."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aether.chronicle.database import open_for_reading, open_for_writing
from aether.chronicle.difference import difference
from aether.chronicle.reader import Reader
from aether.chronicle.records import Bounds, NotRecorded, Query
from aether.chronicle.writer import Writer
from aether.core.model.keys import is_system
from aether.core.model.reason import Reason
from aether.core.store.codec import encode_command
from aether.core.store.commands import (
    Changes,
    Delete,
    DeletePrefix,
    Entry,
    Operation,
    Put,
    Range,
    Txn,
)
from aether.core.store.machine import KvMachine
from aether.store.watch import selected

CLUSTER = "c-1"
START_MS = 1_700_000_000_000
KEYS = (
    "node/n-1",
    "verdict/n-1",
    "target/g:a",
    "target/g:ab",
    "wanted/n-1/g:a:1.0.0/0",
    "wanted/n-2/g:a:1.0.0/1",
    "phase/n-1/g:a:1.0.0/0",
    "route/GET /x",
    "app/g:a/data",
    "topology",
    "topology-of-mine",
    "mine",
)

values = st.binary(max_size=40)
operations: st.SearchStrategy[Operation] = st.one_of(
    st.builds(Put, st.sampled_from(KEYS), values),
    st.builds(Delete, st.sampled_from(KEYS)),
    st.builds(DeletePrefix, st.sampled_from(("wanted/n-1/", "target/", "app/", "phase/"))),
)
writes = st.lists(operations, min_size=1, max_size=4).map(tuple)
"""One transaction."""
steps = st.one_of(
    writes,
    st.just("restart"),
    st.just("gap"),
    st.integers(0, 100_000).map(float),
)
"""A transaction; the chronicle closed and opened; changes it does not see; time that passes (ms)."""


class World:
    """A machine, what it held at each revision, and a chronicle in a folder."""

    def __init__(self, folder: Path, bounds: Bounds) -> None:
        self.folder = folder
        self.bounds = bounds
        self.machine = KvMachine()
        self.machine.observer = self._observe
        self.pending: list[Changes] = []
        self.stood: dict[int, tuple[Entry, ...]] = {}
        self.unseen: set[int] = set()
        self.now_ms = START_MS
        self.times: dict[int, int] = {}
        self.is_blind = False
        self.writer = self._open()

    def _open(self) -> Writer:
        return Writer(open_for_writing(self.folder, CLUSTER), self.bounds)

    def _observe(self, changes: Changes | None) -> None:
        assert changes is not None
        mine = selected(changes, "", "app/")
        if mine is not None:
            self.pending.append(mine)

    def system(self) -> tuple[Entry, ...]:
        found = self.machine.range("").entries
        return tuple(entry for entry in found if is_system(entry.key))

    def begin(self, why: str = "") -> None:
        self.pending.clear()
        self.stood[self.machine.revision] = self.system()
        self.times[self.machine.revision] = self.now_ms
        self.writer.begin(Range(self.machine.revision, self.system()), self.now_ms, why)

    def write(self, then: tuple[Operation, ...]) -> None:
        before = self.machine.revision
        reason = Reason("test", "law", f"after {before}", {"n": str(before)}, {}, self.now_ms)
        self.machine.apply(encode_command(Txn(then, reason)), 0)
        if self.machine.revision > before:
            self.stood[self.machine.revision] = self.system()
            self.times[self.machine.revision] = self.now_ms
            if self.is_blind:
                self.unseen.add(self.machine.revision)

    def flush(self) -> None:
        self.writer.record(self.pending, self.now_ms)
        self.writer.record([Changes(self.machine.revision, Reason("", "", ""))], self.now_ms)
        self.pending.clear()

    def step(self, step: object) -> None:
        match step:
            case float():
                self.now_ms += int(step)
            case "restart":
                self.flush()
                self.writer.close()
                self.writer = self._open()
            case "gap":
                self.flush()
                self.now_ms += 1
                self.is_blind = True
                self.write((Put("node/n-1", b"unseen"),))
                self.write((Delete("target/g:a"), Put("topology", b"unseen")))
                self.is_blind = False
                self.now_ms += 1
                self.unseen.discard(self.machine.revision)
                self.begin("a law wants it so")
            case tuple():
                self.write(step)


@contextmanager
def lived(story: list[object], bounds: Bounds | None = None) -> Iterator[tuple[World, Reader]]:
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as folder:
        world = World(Path(folder), bounds or Bounds())
        world.write((Put("node/n-1", b"before"), Put("app/g:a/data", b"mine")))
        world.begin()
        for step in story:
            world.step(step)
        world.flush()
        reader = Reader(open_for_reading(world.folder))
        reader.begin(60.0)
        try:
            yield world, reader
        finally:
            reader.end()
            reader.close()
            world.writer.close()


LAW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
stories = st.lists(steps, max_size=25)
SMALL = Bounds(max_changes=24, max_bytes=10**9, max_age_s=10**9)


@LAW
@given(stories)
def test_a_revision_is_told_as_the_store_held_it_or_not_at_all(story: list[object]) -> None:
    with lived(story) as (world, reader):
        for revision, entries in world.stood.items():
            if revision in world.unseen:
                with pytest.raises(NotRecorded, match="gap"):
                    reader.at(revision)
            elif revision >= reader.reach().first:
                assert reader.at(revision).entries == entries


@LAW
@given(stories)
def test_a_prefix_is_the_part_of_the_whole(story: list[object]) -> None:
    with lived(story) as (_, reader):
        revision = reader.reach().last
        whole = reader.at(revision).entries
        for prefix in ("target/g:a", "wanted/n-1/", "node/", "nothing/", ""):
            mine = tuple(entry for entry in whole if entry.key.startswith(prefix))
            assert reader.at(revision, (prefix,)).entries == mine
        both = reader.at(revision, ("node/", "target/", "node/n-1")).entries
        assert [e.key for e in both] == [
            e.key for e in whole if e.key.startswith(("node/", "target/"))
        ]


@LAW
@given(stories)
def test_the_oldest_goes_and_the_rest_stays_true(story: list[object]) -> None:
    with lived(story * 3, SMALL) as (world, reader):
        reach = reader.reach()
        assert reach.changes <= SMALL.max_changes + len(KEYS)
        told = 0
        for revision, entries in world.stood.items():
            if revision < reach.first:
                with pytest.raises(NotRecorded, match="reaches back"):
                    reader.at(revision)
            elif revision not in world.unseen:
                assert reader.at(revision).entries == entries
                told += 1
        assert told >= 1


@LAW
@given(stories)
def test_every_change_has_its_reason_and_what_it_was(story: list[object]) -> None:
    with lived(story) as (world, reader):
        found = reader.find(Query(limit=1000))
        revisions = [one.revision for one in found.recorded]
        assert revisions == sorted(revisions, reverse=True)
        assert not world.unseen & set(revisions)
        for one in found.recorded:
            assert one.reason.text == f"after {one.revision - 1}"
            assert one.reason.at_ms == one.time_ms == world.times[one.revision]
            stood = {entry.key: entry for entry in world.stood[one.revision]}
            for change in one.changes:
                assert stood.get(change.key) == change.entry


@LAW
@given(stories, st.integers(0, 30), st.integers(0, 30))
def test_the_difference_of_two_moments_leads_from_one_to_the_other(
    story: list[object], first: int, second: int
) -> None:
    with lived(story) as (world, reader):
        told = sorted(set(world.stood) - world.unseen)
        told = [revision for revision in told if revision >= reader.reach().first]
        begin, end = sorted((told[first % len(told)], told[second % len(told)]))
        before, after = reader.at(begin), reader.at(end)
        found = reader.find(Query(after=begin, until=end, limit=1000))
        state = {entry.key: entry for entry in before.entries}
        for one in difference(before, after, found.recorded):
            assert state.get(one.key) == one.before
            state.pop(one.key, None)
            if one.after is not None:
                state[one.key] = one.after
        assert tuple(state[key] for key in sorted(state)) == after.entries


@LAW
@given(stories)
def test_a_moment_is_the_last_revision_of_its_time(story: list[object]) -> None:
    with lived([step for step in story if step != "gap"]) as (world, reader):
        recorded = {one.revision: one.time_ms for one in reader.find(Query(limit=1000)).recorded}
        first = reader.reach().first
        for time_ms in {*world.times.values(), world.now_ms}:
            if time_ms < reader.reach().since_ms:
                continue
            expected = max([first, *(r for r, at in recorded.items() if at <= time_ms)])
            assert reader.revision_at(time_ms) == expected


def test_a_write_that_fails_leaves_nothing_behind() -> None:
    with lived([(Put("node/n-1", b"1"),)]) as (world, _):
        reader = Reader(open_for_reading(world.folder))
        reader.begin(60.0)
        before, seen = reader.reach(), world.writer.seen
        reader.end()
        world.write((Put("node/n-1", b"2"),))
        (batch,) = world.pending
        twice = [batch, Changes(batch.revision + 1, batch.reason, batch.changes * 2)]
        with pytest.raises(sqlite3.IntegrityError):
            world.writer.record(twice, world.now_ms)
        assert world.writer.seen == seen
        reader.begin(60.0)
        assert reader.reach() == before
        reader.close()
