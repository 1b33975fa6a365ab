"""The listening sockets of one router process, and how they are come by.

A process takes them from the one it replaces, so that no connection is refused or reset meanwhile.
Without one it binds its own TCP sockets, beside those of the node's other router processes
(SO_REUSEPORT), and shares the one Unix socket with them.
"""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aether.dataplane import handover
from aether.dataplane.handover import Offer

BACKLOG = 1024
LOCK_S = 10.0
"""Longest wait for another router process of this node to come by its sockets."""
LOCK_STEP_S = 0.02
TCP = ("public", "mesh")
LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the router processes of one node keep their files."""

    data_dir: Path
    worker: int = 0
    """Which of the node's router processes this one is, from 0."""
    workers: int = 1

    @property
    def run(self) -> Path:
        """Directory of sockets and pid files."""
        return self.data_dir / "run"

    @property
    def name(self) -> str:
        """What this process is called in `run/` and `logs/`."""
        return worker_name(self.worker)

    @property
    def socket(self) -> Path:
        """Listener for the slice hosts of this node, shared by its router processes."""
        return self.run / "router.sock"

    @property
    def table_link(self) -> Path:
        """Where the node hands out tables."""
        return self.run / "router.sock.table"

    @property
    def table_file(self) -> Path:
        """The last good table."""
        return self.data_dir / "router" / "table.json"

    @property
    def access_log(self) -> Path:
        """Where requests are written down, when that is wanted."""
        return self.data_dir / "logs" / f"{self.name}.access.jsonl"

    @property
    def control(self) -> Path:
        """Where this process is asked how it is, and for its sockets."""
        return control_path(self.data_dir, self.worker)

    @property
    def others(self) -> Iterator[Path]:
        """The same of the node's other router processes."""
        for worker in range(self.workers):
            if worker != self.worker:
                yield control_path(self.data_dir, worker)


def worker_name(worker: int) -> str:
    """Return what a router process is called: `router`, `router-1`, and so on."""
    return f"router-{worker}" if worker else "router"


def control_path(data_dir: Path, worker: int) -> Path:
    """Return where a router process is asked how it is, and for its sockets."""
    return data_dir / "run" / f"{worker_name(worker)}.control"


@dataclass(slots=True)
class Listening:
    """Listening sockets by name: `public`, `mesh` and `local`."""

    sockets: dict[str, socket.socket] = field(default_factory=dict)
    inode: int = 0
    """Of the file of the local socket when it was bound: another one there is another socket."""
    offer: Offer | None = None
    """The process they were taken from, which serves until it is told that it need not."""

    @property
    def addresses(self) -> dict[str, str]:
        """Where they are, as clients write it."""
        return {name: address_of(each) for name, each in sorted(self.sockets.items())}

    def close(self) -> None:
        """Close them here; who else holds them goes on."""
        for each in self.sockets.values():
            each.close()
        self.sockets.clear()


def address_of(listening: socket.socket) -> str:
    """Return `host:port`, or the path of a Unix socket."""
    name = listening.getsockname()
    if isinstance(name, str):
        return name
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def open_listeners(places: Places, bind: str, ports: tuple[int, int]) -> Listening:
    """Take the sockets of the process this one replaces, or bind; `ports` are public and mesh.

    Blocks for a few seconds at most. Raises OSError when a port is taken by something else.
    """
    places.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _turn(places.run / "routers.lock"):
        earlier = handover.ask(places.control, "take")
        found = earlier or next(
            filter(None, (handover.ask(at, "share") for at in places.others)), None
        )
        made = Listening(offer=earlier)
        try:
            for name, port in zip(TCP, ports, strict=True):
                made.sockets[name] = _tcp(found, name, bind, port)
            made.sockets[LOCAL], made.inode = _local(found, places.socket)
        except BaseException:
            made.close()
            if earlier is not None:
                earlier.close()
            raise
        if found is not None and found is not earlier:
            found.close()
        return made


def _tcp(found: Offer | None, name: str, bind: str, port: int) -> socket.socket:
    """Return the socket that was handed over, if it is where this one shall listen; else bind."""
    offered = found.sockets.pop(name, None) if found else None
    if offered is not None:
        wanted = _resolve(bind, port)[1]
        at = offered.getsockname()
        if at[0] == wanted[0] and port in (0, at[1]):
            return offered
        offered.close()
    chosen = port or (_port_of(found.addresses.get(name, "")) if found else 0)
    return _bind_tcp(bind, chosen, is_first=found is None or offered is not None)


def _local(found: Offer | None, path: Path) -> tuple[socket.socket, int]:
    """Return the shared Unix socket, when its file is still that socket's, or bind it anew."""
    offered = found.sockets.pop(LOCAL, None) if found else None
    if found is not None and offered is not None:
        if _inode_of(path) == found.inode:
            return offered, found.inode
        offered.close()
    return _bind_local(path), _inode_of(path)


def _inode_of(path: Path) -> int:
    """Return the inode of a file; 0 when there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _port_of(address: str) -> int:
    return int(address.rpartition(":")[2] or 0)


def _bind_tcp(bind: str, port: int, *, is_first: bool) -> socket.socket:
    """Bind a socket that other processes of this user may bind beside.

    The first process of a node makes sure that nobody holds the port: with SO_REUSEPORT alone two
    nodes that were given one port would share its connections, and nobody would be told.
    """
    family, address = _resolve(bind, port)
    if is_first and port:
        with closing(_tcp_socket(family)) as alone:
            _bind(alone, address)
    made = _tcp_socket(family)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _bind(made, address)
        made.listen(BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


def _resolve(bind: str, port: int) -> tuple[int, tuple[Any, ...]]:
    """Return family and address; "localhost" is the one of IPv4 where there is one."""
    found = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    return family, address


def _tcp_socket(family: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    made.settimeout(0)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made


def _bind(made: socket.socket, address: tuple[Any, ...]) -> None:
    try:
        made.bind(address)
    except OSError as problem:
        where = f"{address[0]}:{address[1]}"
        raise OSError(problem.errno, f"cannot listen on {where}: {problem.strerror}") from problem


def _bind_local(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.settimeout(0)
        path.unlink(missing_ok=True)
        made.bind(str(path))
        path.chmod(0o600)
        made.listen(BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Let the router processes of a node come by their sockets one after the other."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            if time.monotonic() > deadline:
                message = f"{path} is held by another router process for over {LOCK_S:g} s"
                raise OSError(problem.errno, message) from problem
            time.sleep(LOCK_STEP_S)
        else:
            return
