"""How a router process comes by its listening sockets; the blocking part, in the test's process."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aether.dataplane import listeners
from aether.dataplane.listeners import (
    Listening,
    Places,
    address_of,
    control_path,
    open_listeners,
    worker_name,
)

ANY = (0, 0)


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    yield made
    shutil.rmtree(made)


def ports_of(listening: Listening) -> tuple[int, int]:
    public, mesh = (listening.sockets[name].getsockname()[1] for name in ("public", "mesh"))
    return public, mesh


def test_without_another_process_everything_is_bound(folder: Path) -> None:
    made = open_listeners(Places(data_dir=folder), "127.0.0.1", ANY)
    try:
        assert sorted(made.sockets) == ["local", "mesh", "public"]
        assert made.addresses["local"] == str(folder / "run" / "router.sock")
        assert made.inode == (folder / "run" / "router.sock").stat().st_ino
        assert (folder / "run" / "router.sock").stat().st_mode & 0o777 == 0o600
        assert made.offer is None
        with socket.create_connection(made.sockets["public"].getsockname()):
            pass
    finally:
        made.close()
    assert made.sockets == {}


def test_a_taken_port_is_named_and_nothing_is_left_open(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as taken:
        port = taken.getsockname()[1]
        before = len(list(Path("/proc/self/fd").iterdir()))
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
            open_listeners(Places(data_dir=folder), "127.0.0.1", (0, port))
        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_file_of_a_dead_process_is_replaced(folder: Path) -> None:
    first = open_listeners(Places(data_dir=folder), "127.0.0.1", ANY)
    ports = ports_of(first)
    first.close()
    second = open_listeners(Places(data_dir=folder), "127.0.0.1", ports)
    try:
        assert ports_of(second) == ports
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(second.addresses["local"])
    finally:
        second.close()


def test_processes_take_turns_and_give_up_after_a_while(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "LOCK_S", 0.05)
    places = Places(data_dir=folder)
    places.run.mkdir()
    with (
        listeners._turn(places.run / "routers.lock"),
        pytest.raises(OSError, match="held by another router process"),
    ):
        open_listeners(places, "127.0.0.1", ANY)
    open_listeners(places, "127.0.0.1", ANY).close()


def test_ipv6_addresses_stand_in_brackets() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as made:
        assert address_of(made) == f"[::1]:{made.getsockname()[1]}"


def test_workers_have_names_of_their_own(folder: Path) -> None:
    assert [worker_name(number) for number in range(3)] == ["router", "router-1", "router-2"]
    assert control_path(folder, 1) == folder / "run" / "router-1.control"
    places = Places(data_dir=folder, worker=1, workers=3)
    assert list(places.others) == [control_path(folder, 0), control_path(folder, 2)]
