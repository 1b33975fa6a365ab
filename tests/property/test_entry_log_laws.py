"""The log against a plain list: what was synced survives every crash, nothing is invented."""

import random
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.raft.entries import (
    COMMAND,
    MEMBERS,
    Entry,
    HardState,
    Members,
    Peer,
    SnapshotPoint,
)
from aether.store.disk.entry_log import EntryLog, LogLimits
from aether.store.disk.errors import Damaged, DiskFailed, NoSpace
from aether.store.disk.sync_job import SyncJob
from tests.crash_disk import CrashDisk, Step

LIMITS = LogLimits(segment_bytes=4096, slice_bytes=1024, record_bytes=600, reserve_bytes=0)
NOBODY = Members(())
SOME = Members((Peer("a", "a:1"),))  # type: ignore[arg-type] # a node id is a checked string
ENCODED = b"\x92\x91\x92\xa1a\xa3a:1\x90"


class Model:
    """What the log should hold, and what a crash may take away."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.disk = CrashDisk()
        self.log = EntryLog.open(self.disk, LIMITS, 0)
        self.snapshot = SnapshotPoint(0, 0, 0, NOBODY)
        self.entries: list[Entry] = []
        self.kept: list[list[Entry]] = [[]]
        """States the log may come back as: the last synced one, and each since."""
        self.job: SyncJob | None = None
        self.job_state = 0
        self.term = 1
        self.floor = 0

    @property
    def last(self) -> int:
        return self.entries[-1].index if self.entries else self.snapshot.index

    def append(self) -> None:
        back = self.dice.choice((0, 0, 0, 1, 5, 30))
        first = max(self.last + 1 - back, self.snapshot.index + 1, self.log.first_index)
        if self.dice.random() < 0.3 or first <= self.last:
            self.term += 1
        count = self.dice.choice((1, 1, 3, 20))
        batch = []
        for index in range(first, first + count):
            kind = MEMBERS if self.dice.random() < 0.1 else COMMAND
            data = (
                ENCODED if kind == MEMBERS else self.dice.randbytes(self.dice.choice((0, 40, 300)))
            )
            batch.append(Entry(index, self.term, kind, index, data))
            if self.dice.random() < 0.05:
                self.term += 1
        before = [entry for entry in self.entries if entry.index < first]
        states = [[*before, *batch[:run]] for run in range(len(batch) + 1)]
        try:
            self.log.append(batch)
        except DiskFailed:
            self.kept += states
            raise
        self.kept += states
        self.entries = [*before, *batch]

    def begin(self) -> None:
        job = self.log.begin_sync()
        if job:
            self.job, self.job_state = job, len(self.kept) - 1
            assert job.index == self.last

    def finish(self) -> None:
        if self.job:
            self.job.run()
            self.job = None
            del self.kept[: self.job_state]

    def compact(self) -> None:
        if self.entries and not self.job and self.dice.random() < 0.7:
            self.begin()
            self.finish()
            index = self.dice.randint(self.snapshot.index, self.last)
            if index > self.snapshot.index:
                term = (
                    self.log.read(index, index, 0)[0].term if index >= self.log.first_index else 0
                )
                self.snapshot = SnapshotPoint(index, term or self.snapshot.term, 0, NOBODY)
            self.log.drop_before(index - self.dice.choice((0, 10)))

    def install(self) -> None:
        index = self.dice.choice((self.last + 5, self.snapshot.index + 1))
        self.term += 1
        self.snapshot = SnapshotPoint(index, self.term, 0, NOBODY)
        self.log.reset(self.snapshot)
        self.entries, self.kept, self.job_state = [], [[]], 0

    def crash(self) -> None:
        self.disk.crash(self.dice)
        self.restart()

    def restart(self) -> None:
        self.job = None
        self.log = EntryLog.open(self.disk, LIMITS, self.snapshot.index)
        start = self.log.start(self.snapshot, HardState(0, ""), 500)
        assert start.first_index <= self.snapshot.index + 1
        found = self.read()
        allowed = [self.visible(state) for state in self.kept]
        assert found in allowed, (found[-1:], [state[-1:] for state in allowed])
        self.entries = found
        self.kept = [found]
        self.check()

    def read(self) -> list[Entry]:
        first = self.snapshot.index + 1
        found: list[Entry] = []
        while first <= self.log.last_index:
            batch = self.log.read(first, self.log.last_index, self.dice.choice((0, 100, 5000)))
            assert batch[0].index == first
            found += batch
            first = found[-1].index + 1
        return found

    def visible(self, entries: list[Entry]) -> list[Entry]:
        return [entry for entry in entries if entry.index > self.snapshot.index]

    def check(self) -> None:
        assert self.read() == self.visible(self.entries)
        assert self.log.last_index == self.last or not self.visible(self.entries)
        start = self.log.start(self.snapshot, HardState(3, "a"), 500)
        entries = self.visible(self.entries)
        assert list(start.tail)[-len(entries) :][-len(start.tail) :] == entries[
            -len(start.tail) :
        ] or (not entries)
        terms = dict(start.term_starts)
        now = 0
        for entry in self.log.read(start.first_index, start.last_index, 1 << 30) if terms else ():
            now = terms.get(entry.index, now)
            assert entry.term == now
        changes = [entry.index for entry in entries if entry.kind == MEMBERS]
        assert start.members == tuple((index, SOME) for index in changes)


def power_fails_at(call: int) -> Callable[[Step], OSError | None]:
    return lambda step: OSError(5, "power") if step.call >= call and step.what != "read" else None


STEPS = (
    ("append",) * 8 + ("begin",) * 4 + ("finish",) * 4 + ("compact", "crash", "check", "install")
)


@settings(max_examples=250, deadline=None)
@given(
    st.integers(0, 2**32),
    st.lists(st.sampled_from(STEPS), min_size=5, max_size=60),
)
def test_what_was_synced_survives_and_nothing_is_invented(seed: int, steps: list[str]) -> None:
    model = Model(seed)
    for step in steps:
        getattr(model, step)()
    model.check()
    model.crash()
    model.append()
    model.begin()
    model.finish()
    model.crash()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.sampled_from(STEPS), min_size=5, max_size=40), st.data())
def test_power_may_fail_while_a_log_is_opened_or_emptied(
    seed: int, steps: list[str], data: st.DataObject
) -> None:
    model = Model(seed)
    for step in steps:
        getattr(model, step)()
    model.disk.crash(model.dice)
    for _ in range(3):
        stop = model.disk.calls + data.draw(st.integers(1, 12))
        model.disk.fail = power_fails_at(stop)
        with suppress(DiskFailed):
            EntryLog.open(model.disk, LIMITS, model.snapshot.index)
        model.disk.fail = None
        model.disk.crash(model.dice)
    model.restart()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(4096, 20_000), st.booleans())
def test_a_full_disk_changes_nothing(seed: int, capacity: int, lies: bool) -> None:
    model = Model(seed)
    model.disk.capacity, model.disk.free_lies = capacity, lies
    for _ in range(40):
        before = model.read()
        try:
            model.append()
        except NoSpace:
            assert model.read() == before
            model.disk.capacity += 1500
        model.begin()
        model.finish()
    model.check()
    model.disk.free_lies, model.disk.capacity = False, 1 << 40
    model.crash()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 120))
def test_a_failed_sync_is_not_taken_for_a_good_one_after_a_restart(seed: int, when: int) -> None:
    model = Model(seed)
    model.disk.fail = lambda step: (
        OSError(5, "no") if step.what == "sync" and step.call >= when else None
    )
    try:
        for _ in range(60):
            model.append()
            model.begin()
            model.finish()
    except DiskFailed:
        with pytest.raises(DiskFailed):
            model.log.append([Entry(model.last + 1, model.term, COMMAND, 0, b"")])
    model.disk.fail = None
    model.restart()  # the process starts anew; the pages are those that were not written
    model.disk.crash(random.Random(seed))
    model.restart()


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.data())
def test_any_bytes_raise_nothing_but_the_declared_errors(seed: int, data: st.DataObject) -> None:
    model = Model(seed)
    states: list[list[Entry]] = []
    for _ in range(10):
        model.append()
        states += model.kept
        model.begin()
        model.finish()
    name = data.draw(st.sampled_from([n for n in model.disk.names() if n.startswith("log-0")]))
    content = bytes(model.disk.files[name].live)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        noise = data.draw(st.binary(max_size=60))
        content = content[:at] + noise + content[at + len(noise) * data.draw(st.integers(0, 1)) :]
    model.disk.put(name, content)
    try:
        log = EntryLog.open(model.disk, LIMITS, 0)
    except Damaged:
        return
    held = list(log.read(1, log.last_index, 1 << 30)) if log.last_index else []
    # What it once was: the last records written cannot be told from torn ones.
    assert held in states
