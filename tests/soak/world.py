"""The members, their network and their disks, as one thing faults are done to."""

import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aether.core.store.commands import Range
from aether.errors import AetherError
from tests.soak.caller import Caller
from tests.soak.images import Image
from tests.soak.members import StoreMember, leader_of, specs
from tests.soak.network import Network, address, namespace

RAFT_PORT = 6100
LIMITS = {
    "snapshot_entries": 200,
    "keep_entries": 50,
    "checkpoint_entries": 50,
    "segment_bytes": 1024 * 1024,
}
"""Small, so that snapshots, dropped segments and transfers happen within a round."""
POLL_S = 0.05
READ_S = 2.0
TRACE_S = 5.0
REAL_TIME = "+0\n"
FAKE_TIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


class World:
    """A cluster of real processes; members are numbered from 1."""

    def __init__(self, folder: Path, members: int, *, engine: str, preload: str = "") -> None:
        """Describe a cluster; `preload` is a library all members load."""
        self.folder = folder
        self.network = Network(members)
        self.images = [Image(folder, f"n{number}") for number in self.network.members]
        self.clock_files = [folder / f"n{number}.clock" for number in self.network.members]
        addresses = [(address(number), RAFT_PORT) for number in self.network.members]
        folders = [image.place / "data" for image in self.images]
        self.members = [
            StoreMember(
                spec,
                folder / f"{spec.node}.log",
                prefix=("nsenter", f"--net=/run/netns/{namespace(number)}"),
                environment={"LD_PRELOAD": preload} if preload else {},
            )
            for number, spec in enumerate(specs(addresses, folders, engine, LIMITS), 1)
        ]

        self._usual = {"LD_PRELOAD": preload} if preload else {}
        self.may_end: set[str] = set()
        """Members whose process may end by itself, for what was done to them."""

    def up(self) -> None:
        """Make network and disks, and start all members."""
        self.network.up()
        for image, clock in zip(self.images, self.clock_files, strict=True):
            image.up()
            clock.write_text(REAL_TIME)
        for member in self.members:
            member.start()

    def down(self) -> None:
        """End the members and give the images back; the network goes with the harness."""
        for member in self.members:
            member.kill()
        for image in self.images:
            with suppress(RuntimeError, OSError):  # one that was never mounted
                image.down()

    @property
    def sockets(self) -> list[Path]:
        """Where clients reach the members."""
        return [member.spec.socket for member in self.members]

    def fake_clock(self, member: StoreMember) -> None:
        """Start a member anew under a library that can make its wall clock jump."""
        member.kill()
        libraries = [FAKE_TIME, *self._usual.values()]
        member.environment = {
            "LD_PRELOAD": " ".join(libraries),
            "FAKETIME_TIMESTAMP_FILE": str(self.clock_files[self.number(member) - 1]),
            "FAKETIME_CACHE_DURATION": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        member.start()

    def set_clock(self, member: StoreMember, jump: str) -> None:
        """Make the wall clock of a member with a fake one jump; `jump` as faketime writes it."""
        self.clock_files[self.number(member) - 1].write_text(f"{jump}\n")

    def leader(self) -> StoreMember | None:
        """Return who leads now."""
        return leader_of(self.members)

    def number(self, member: StoreMember) -> int:
        """Return a member's number, from 1."""
        return self.members.index(member) + 1

    def pick(self, dice: random.Random) -> StoreMember:
        """Return the leader half of the time, else anyone."""
        leader = self.leader() if dice.random() < 0.5 else None
        return leader or dice.choice(self.members)

    def some(self, dice: random.Random) -> list[StoreMember]:
        """Return a minority of members, at least one."""
        most = (len(self.members) - 1) // 2
        return dice.sample(self.members, dice.randint(1, most))

    def heal(self) -> None:
        """End every fault, and start whoever does not run."""
        self.network.heal()
        self.may_end.clear()
        for member, image, clock in zip(self.members, self.images, self.clock_files, strict=True):
            image.clear()
            clock.write_text(REAL_TIME)
            member.environment = self._usual
            member.resume()
            if member.ended_by_itself() is not None:
                member.kill()
            if member.process is None:
                member.start()

    def wait_until_whole(self, timeout_s: float) -> float:
        """Return the seconds until every member serves linearizable reads."""
        began = time.monotonic()
        waiting = list(self.members)
        while waiting:
            waiting = [member for member in waiting if not member.serves()]
            if waiting and time.monotonic() - began > timeout_s:
                raise TimeoutError(f"not whole after {timeout_s:g} s: {self.describe(waiting)}")
            if waiting:
                wait(POLL_S)
        return time.monotonic() - began

    def describe(self, members: Iterable[StoreMember]) -> str:
        """Say how these members are, in one line."""
        return "; ".join(f"{member.node}: {_state(member)}" for member in members)

    def finals(self, prefix: str) -> dict[str, Range]:
        """Read a prefix through every member, linearizably."""
        found = {}
        for member in self.members:
            with Caller(member.spec.socket) as caller:
                found[member.node] = _until_read(caller, prefix)
        return found

    def died(self) -> list[str]:
        """Say which processes ended although nobody ended them."""
        return [
            f"{member.node} ended by itself with code {code}"
            for member in self.members
            if (code := member.ended_by_itself()) is not None and member.node not in self.may_end
        ]

    def start_over(self) -> None:
        """Kill all members and start them on what they have, so that a round does not harm the next."""
        for member in self.members:
            member.kill()
        self.heal()


def _state(member: StoreMember) -> str:
    if member.process is None:
        return "not running"
    status = member.status()
    if status is None:
        code = member.ended_by_itself()
        return "silent" if code is None else f"ended with code {code}"
    return (
        f"{status.role} {status.condition} {status.detail} term {status.term} leader "
        f"{status.leader} commit {status.commit} applied {status.applied} last {status.last_index}"
    )


def _until_read(caller: Caller, prefix: str) -> Range:
    deadline = time.monotonic() + 5 * READ_S
    while True:
        try:
            return caller.list(prefix, READ_S)
        except AetherError:
            if time.monotonic() > deadline:
                raise
            wait(POLL_S)


def wait(seconds: float) -> None:
    """Hold a fault for a while; faults have lengths, nothing is waited for."""
    time.sleep(seconds)


def until(what: str, holds: Callable[[], bool], timeout_s: float) -> float:
    """Return the seconds until `holds`; raises TimeoutError."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > timeout_s:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        wait(POLL_S)
    return time.monotonic() - began


@contextmanager
def injected(member: StoreMember, rule: str) -> Iterator[None]:
    """Change what `member` is answered to fsync and fdatasync, by strace's rules of injection."""
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"]
    command += ["-e", f"inject=fsync,fdatasync:{rule}", "-p", str(member.pid)]
    status = Path(f"/proc/{member.pid}/status")
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as tracer:
        try:
            until("strace attaches", lambda: "TracerPid:\t0" not in status.read_text(), TRACE_S)
            yield
        finally:
            tracer.send_signal(signal.SIGINT)  # it lets the member go, unchanged
            tracer.wait(timeout=TRACE_S)
