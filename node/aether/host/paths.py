"""Where the hosts of a node keep sockets, pid files and logs, below the data directory."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from aether.core.model.ids import InstanceId


@dataclass(frozen=True, slots=True)
class HostPaths:
    """Paths of one data directory; see docs/wire.md."""

    data_dir: Path

    @property
    def run(self) -> Path:
        """Sockets and pid files; mode 0700."""
        return self.data_dir / "run"

    @property
    def logs(self) -> Path:
        """What processes write."""
        return self.data_dir / "logs"

    @property
    def launcher_socket(self) -> Path:
        """Where the launcher listens."""
        return self.run / "launcher.sock"

    @property
    def launcher_pid(self) -> Path:
        """The launcher's pid and creation time."""
        return self.run / "launcher.pid"

    @property
    def launcher_lock(self) -> Path:
        """Held by the one launcher of this directory."""
        return self.run / "launcher.lock"

    @property
    def node_socket(self) -> Path:
        """Where the node serves the hosts' Kv."""
        return self.run / "node.sock"

    @property
    def router_socket(self) -> Path:
        """Where the router takes calls between slices."""
        return self.run / "router.sock"

    def host_socket(self, instance: InstanceId) -> Path:
        """Where one instance serves HTTP; hashed, for a socket's path is at most 107 bytes."""
        return self.run / f"i-{_digest(instance)}.sock"

    def host_pid(self, instance: InstanceId) -> Path:
        """Pid and creation time of one instance's host."""
        return self.run / f"i-{_digest(instance)}.pid"

    def host_log(self, instance: InstanceId) -> Path:
        """Return where one instance's output goes: `{group:name:version}-{ordinal}.log`."""
        return self.logs / f"{instance.replace('/', '-')}.log"

    def probe_log(self, number: int) -> Path:
        """Return where the output of one trial import goes."""
        return self.logs / f"probe-{number}.log"

    def prepare(self) -> None:
        """Make the directories."""
        self.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.run.chmod(0o700)
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)


def _digest(instance: InstanceId) -> str:
    return hashlib.sha256(instance.encode()).hexdigest()[:16]
