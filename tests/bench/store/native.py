"""Our store as it ships: three processes with their default settings, asked on their Unix sockets."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from aether.core.store.commands import Put, Txn
from aether.errors import AetherError
from tests.bench.store import cost
from tests.bench.store.peers import KEY, MEMBERS, VALUE_BYTES, Load
from tests.soak.caller import REASON, Caller, put
from tests.soak.members import StoreMember, leader_of, specs

START_S = 20.0
CALL_S = 5.0
KEEP_WHOLE = {"keep_entries": 10_000_000}
"""Snapshots are taken as ever, and no entry is dropped."""
ENGINE = os.environ.get("BENCH_ENGINE", "native")


class Native:
    """Three members of ours."""

    name = "aether"

    def __init__(self) -> None:
        self._members: list[StoreMember] = []

    def start(self, folder: Path, *, compaction: bool = True) -> None:
        """Start three members, each on an empty directory."""
        addresses = [("127.0.0.1", port) for port in cost.free_ports(MEMBERS)]
        folders = [folder / f"n{number}" for number in range(1, MEMBERS + 1)]
        limits = {} if compaction else KEEP_WHOLE
        self._members = [
            StoreMember(spec, folder / f"{spec.node}.log")
            for spec in specs(addresses, folders, ENGINE, limits)
        ]
        for member in self._members:
            member.start()
        self.leader()
        cost.wait_until("aether answers", lambda: self.put(0, KEY, CALL_S), START_S)

    def stop(self) -> None:
        """Kill all members: nobody needs what they hold."""
        for member in self._members:
            member.kill()

    def pids(self) -> Sequence[int]:
        """Return the members' processes."""
        return [member.pid for member in self._members if member.process is not None]

    def leader(self) -> int:
        """Ask every member whether it leads."""
        found: list[StoreMember] = []

        def known() -> bool:
            leader = leader_of(self._members)
            if leader is not None:
                found.append(leader)
            return leader is not None

        cost.wait_until("aether has a leader", known, START_S)
        return self._members.index(found[0])

    def term(self) -> int:
        """Ask every member for its term."""
        statuses = [member.status() for member in self._members]
        return max(status.term for status in statuses if status is not None)

    def revision(self) -> int:
        """Read the revision a linearizable read is of."""
        with self._caller(self.leader()) as caller:
            return caller.list(KEY, CALL_S).revision

    def load(self, kind: str, clients: int, seconds: float) -> Load:
        """Run our client, one process, against the leader."""
        path = self._members[self.leader()].spec.socket
        command = [sys.executable, "-m", "tests.bench.store.client", str(path), kind]
        done = subprocess.run(
            [*command, str(clients), str(seconds)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{kind}/{clients}: {done.stderr}")
        return Load(**json.loads(done.stdout))

    def put(self, member: int, key: str, timeout_s: float) -> bool:
        """Write through one member."""
        with self._caller(member) as caller:
            return put(caller, Txn(then=(Put(key, b"v" * VALUE_BYTES),), reason=REASON), timeout_s)

    def kill(self, member: int) -> None:
        """Kill -9 one member."""
        self._members[member].kill()

    def revive(self, member: int) -> None:
        """Start it again on its directory."""
        self._members[member].start()

    def serves(self, member: int) -> bool:
        """Whether a linearizable read works."""
        try:
            with self._caller(member) as caller:
                caller.get(KEY, 1.0)
        except AetherError:
            return False
        return True

    def _caller(self, member: int) -> Caller:
        return Caller(self._members[member].spec.socket)
