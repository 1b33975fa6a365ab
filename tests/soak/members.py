"""One store process: started with its specification, killed, paused, asked how it is."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aether.errors import AetherError
from aether.store import protocol
from aether.store.process.spec import MemberSpec, StoreSpec, write_spec
from tests.soak.caller import Caller

END_S = 10.0
ASK_S = 0.5
CLUSTER = "5f0c1ab0e7f84d6d9b7a"


def specs(
    addresses: Sequence[tuple[str, int]],
    folders: Sequence[Path],
    engine: str,
    limits: Mapping[str, int],
) -> list[StoreSpec]:
    """Return what each of the founding members is told; the first is `n1`."""
    founders = tuple(
        MemberSpec(f"n{number}", f"{host}:{port}")
        for number, (host, port) in enumerate(addresses, 1)
    )
    return [
        StoreSpec(
            node=founder.node,
            cluster_id=CLUSTER,
            members=founders,
            host=host,
            port=port,
            data_dir=str(folder),
            engine=engine,
            limits=dict(limits),
            log_level="info",
        )
        for founder, (host, port), folder in zip(founders, addresses, folders, strict=True)
    ]


@dataclass
class StoreMember:
    """The process of one member; its log outlives it."""

    spec: StoreSpec
    log: Path
    """Kept outside the member's own directory, which may lose its power."""
    prefix: Sequence[str] = ()
    """Put before the command: into another network, say."""
    environment: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    paused: bool = False

    @property
    def node(self) -> str:
        """Name of the member."""
        return self.spec.node

    @property
    def pid(self) -> int:
        """Process id; raises RuntimeError when it does not run."""
        if self.process is None:
            raise RuntimeError(f"{self.node} does not run")
        return self.process.pid

    def start(self) -> None:
        """Start the process and do not wait for it to serve."""
        data_dir = Path(self.spec.data_dir)
        (data_dir / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
        file = data_dir / "store.json"
        write_spec(file, self.spec)
        command = [*self.prefix, sys.executable, "-m", "aether.store", "--spec", str(file)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
            )
        self.paused = False

    def kill(self) -> None:
        """Kill -9 and wait for the end; no error when it does not run."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=END_S)
            self.process = None
            self.paused = False

    def end(self) -> int:
        """Ask it to end and return its exit code; raises TimeoutExpired when it does not."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=END_S)
        self.process = None
        return code

    def pause(self) -> None:
        """Stop it in the middle of whatever it does."""
        os.kill(self.pid, signal.SIGSTOP)
        self.paused = True

    def resume(self) -> None:
        """Let it go on; no error when it runs or is gone."""
        if self.paused and self.process is not None:
            os.kill(self.pid, signal.SIGCONT)
        self.paused = False

    def ended_by_itself(self) -> int | None:
        """Return the exit code of a process nobody here ended, else None."""
        return None if self.process is None else self.process.poll()

    def status(self) -> protocol.Status | None:
        """Return how the member says it is; None when it does not answer."""
        try:
            with Caller(self.spec.socket) as caller:
                return caller.status(ASK_S)
        except AetherError:
            return None

    def serves(self) -> bool:
        """Whether it answers a linearizable read now."""
        try:
            with Caller(self.spec.socket) as caller:
                caller.get("soak/probe", ASK_S)
        except AetherError:
            return False
        return True


def leader_of(members: Sequence[StoreMember]) -> StoreMember | None:
    """Return the member that says it leads, of the highest term when several do."""
    found: tuple[int, StoreMember] | None = None
    for member in members:
        if member.process is None or member.paused:
            continue
        status = member.status()
        leads = status is not None and status.role == "leader"
        if status is not None and leads and (found is None or status.term > found[0]):
            found = (status.term, member)
    return found[1] if found else None
