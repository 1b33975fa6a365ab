"""Where everything of a forge is: ports and names of its nodes, files of its directory."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from aether.core.model.ids import NodeId

HOST = "127.0.0.1"
MAX_NODES = 50
"""More would not fit between 6000 and 6100, the first cluster and the first Raft port."""

MAX_SOCKET_PATH_BYTES = 103
"""Longest path of a Unix socket on every system Aether runs on."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one node."""

    router: int
    management: int
    cluster: int
    raft: int
    mesh: int

    def named(self) -> Iterator[tuple[str, int]]:
        """Yield what each port is for, and its number."""
        for field in fields(self):
            yield field.name, getattr(self, field.name)


def ports_of(number: int, offset: int) -> Ports:
    """Return the ports of node `number` (1, 2 …), all moved up by `offset`."""
    base = number + offset
    return Ports(8070 + base, 5150 + base, 6000 + base, 6100 + base, 6200 + base)


def name_of(number: int) -> NodeId:
    """Return the name of node `number`."""
    return NodeId(f"node-{number}")


def number_of(name: str) -> int:
    """Return the number of a node by its name or number; raise ValueError for anything else."""
    digits = name.removeprefix("node-")
    if not digits.isascii() or not digits.isdigit() or not 1 <= int(digits) <= MAX_NODES:
        raise ValueError(f"{name!r} is not a node of a forge: expected node-1 to node-{MAX_NODES}")
    return int(digits)


@dataclass(frozen=True, slots=True)
class Layout:
    """A forge directory and the offset of its ports."""

    data_dir: Path
    offset: int = 0

    @property
    def state_file(self) -> Path:
        """Marks a forge directory and says what it holds."""
        return self.data_dir / "forge.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the forge that runs."""
        return self.data_dir / "forge.lock"

    @property
    def socket(self) -> Path:
        """Where the forge that runs takes commands."""
        return self.data_dir / "forge.sock"

    @property
    def node_config(self) -> Path:
        """Configuration all nodes read: who provides further ones."""
        return self.data_dir / "node.toml"

    @property
    def provider_token(self) -> Path:
        """The token with which nodes ask for further ones."""
        return self.data_dir / "provider.token"

    def node_dir(self, number: int) -> Path:
        """Return the data directory of a node."""
        return self.data_dir / name_of(number)

    def log_file(self, number: int) -> Path:
        """Return where a node process writes its log."""
        return self.node_dir(number) / "logs" / "node.log"

    def ports(self, number: int) -> Ports:
        """Return the ports of a node."""
        return ports_of(number, self.offset)

    def cluster_address(self, number: int) -> str:
        """Return where a node answers other nodes."""
        return f"{HOST}:{self.ports(number).cluster}"

    def management_url(self, number: int) -> str:
        """Return where a node's management API is."""
        return f"http://{HOST}:{self.ports(number).management}"

    def router_url(self, number: int) -> str:
        """Return where a node serves applications."""
        return f"http://{HOST}:{self.ports(number).router}"


def node_arguments(layout: Layout, number: int, join: tuple[int, ...], expect: int) -> list[str]:
    """Return the command-line arguments of a node."""
    ports = layout.ports(number)
    arguments = [
        *("--node-id", name_of(number)),
        *("--data-dir", str(layout.node_dir(number))),
        *("--bind", HOST),
        *("--bootstrap-expect", str(expect)),
    ]
    if layout.node_config.exists():
        arguments += ["--config", str(layout.node_config)]
    for name, port in ports.named():
        arguments += [f"--{name}-port", str(port)]
    for other in join:
        arguments += ["--join", layout.cluster_address(other)]
    return arguments
