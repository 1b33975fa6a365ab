"""A state machine that is watched: every member must apply the same commands in the same places."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec
from google_crc32c import value as crc32c

from aether.core.store.machine import KvMachine
from aether.ports import Restoring


@dataclass(slots=True)
class Ledger:
    """What was applied in a run, by whichever member came first.

    A place counts the commands since the beginning of the log; snapshots carry it on.
    """

    violations: list[str]
    counts: Counter[str]
    commands: list[tuple[bytes, int]] = field(default_factory=list)
    """Command and cluster time of each place."""
    digests: list[bytes] = field(default_factory=list)
    """Digest of the state after each place."""
    effects: dict[bytes, int] = field(default_factory=dict)
    """Place at which a command changed the state."""
    snapshots: dict[int, int] = field(default_factory=dict)
    """Checksum of the snapshot of each place that one was taken at."""

    def applied(self, place: int, what: tuple[bytes, int], digest: bytes, who: str) -> None:
        """Compare one application with what others did there."""
        if place == len(self.commands):
            self.commands.append(what)
            self.digests.append(digest)
            return
        if place > len(self.commands):
            self.violations.append(f"{who} applied place {place}, nobody {len(self.commands)}")
        elif self.commands[place] != what:
            self.violations.append(
                f"{who} applied {what!r} in place {place}, where another applied "
                f"{self.commands[place]!r}: a committed entry changed"
            )
        elif self.digests[place] != digest:
            self.violations.append(f"{who} differs from others after place {place}")

    def changed(self, place: int, command: bytes, who: str) -> None:
        """Note that a command changed the state; it may do so once."""
        before = self.effects.setdefault(command, place)
        if before != place:
            self.violations.append(
                f"{who}: a command took effect twice, in places {before} and {place}: {command!r}"
            )

    def snapshot(self, place: int, checksum: int, who: str) -> None:
        """Compare a whole snapshot with others of its place."""
        if self.snapshots.setdefault(place, checksum) != checksum:
            self.violations.append(f"{who}: its snapshot of place {place} differs from another's")


class WatchedMachine:
    """`ports.StateMachine` around a KvMachine; compares itself with the ledger of the run."""

    def __init__(self, ledger: Ledger, who: str, make: Callable[[], KvMachine] = KvMachine) -> None:
        self.inner = make()
        self.place = 0
        self.restored = False
        """Whether its state came from a snapshot at some time."""
        self.on_restored: Callable[[], None] = lambda: None
        self._ledger = ledger
        self._who = who

    def apply(self, command: bytes, time_ms: int) -> bytes:
        """Apply one command and compare what came of it."""
        before = self.inner.revision
        result = self.inner.apply(command, time_ms)
        if self.inner.revision != before:
            self._ledger.changed(self.place, command, self._who)
        elif command in self._ledger.effects and self._ledger.effects[command] != self.place:
            self._ledger.counts["request id answered from memory"] += 1
        self._ledger.applied(self.place, (command, time_ms), self.digest(), self._who)
        self.place += 1
        return result

    def due(self, time_ms: int) -> bytes | None:
        """Return what a leader should propose."""
        return self.inner.due(time_ms)

    def snapshot(self) -> Iterator[bytes]:
        """Return the place, then the state."""
        return self._parts(self.place, self.inner.snapshot())

    def _parts(self, place: int, parts: Iterator[bytes]) -> Iterator[bytes]:
        checksum = 0
        yield msgspec.msgpack.encode(place)
        for part in parts:
            checksum = crc32c(part + checksum.to_bytes(4, "big"))
            yield part
        self._ledger.counts["snapshot taken"] += 1
        self._ledger.snapshot(place, checksum, self._who)

    def restoring(self) -> Restoring:
        """Begin to replace the state."""
        return _WatchedRestoring(self, self.inner.restoring())

    def digest(self) -> bytes:
        """Return the digest of the state."""
        return self.inner.digest()


class _WatchedRestoring:
    """Takes the place off the front of a snapshot."""

    def __init__(self, machine: WatchedMachine, inner: Restoring) -> None:
        self._machine = machine
        self._inner = inner
        self._place: int | None = None

    def feed(self, part: bytes) -> None:
        """Take the next part."""
        if self._place is None:
            self._place = msgspec.msgpack.decode(part, type=int)
        else:
            self._inner.feed(part)

    def finish(self) -> None:
        """Replace the state; raises ValueError when parts are missing."""
        if self._place is None:
            raise ValueError("a snapshot without its place")
        self._inner.finish()
        self._machine.place = self._place
        self._machine.restored = True
        self._machine.on_restored()
