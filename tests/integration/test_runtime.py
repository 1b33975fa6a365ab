"""A node as a process: what it says of bad settings, how it starts, how it stops."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as root:
        yield Path(root)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(server.getsockname()[1]) for server in sockets]
    for server in sockets:
        server.close()
    return ports


def start(folder: Path, *flags: str) -> tuple["subprocess.Popen[bytes]", int]:
    names = ("management", "router", "cluster", "raft", "mesh")
    ports = dict(zip(names, free_ports(5), strict=True))
    given = [part for name in names for part in (f"--{name}-port", str(ports[name]))]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "aether.node", *given, *flags],
            stderr=log,
            start_new_session=True,
            env={key: value for key, value in os.environ.items() if not key.startswith("AETHER_")},
        )
    return process, ports["management"]


def get(port: int, path: str) -> tuple[int, object]:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except OSError as problem:
        return 0, str(problem)
    finally:
        connection.close()


def until(condition: Callable[[], bool], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "condition not met in time"
        time.sleep(POLL_S)


POLL_S = 0.05
PROCESSES = ("node", "router", "launcher", "store")


def test_every_problem_of_a_bad_configuration_is_reported_at_once(folder: Path) -> None:
    (folder / "node.toml").write_text("node_id = 'Bad Id'\nmanagment_port = 1\nlabels = 3\n")
    done = subprocess.run(
        [sys.executable, "-m", "aether.node", "--config", str(folder / "node.toml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) >= 3
    assert "management_port" in done.stderr
    assert "Bad Id" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_node_alone_becomes_ready_and_leaves_nothing_behind_on_sigterm(folder: Path) -> None:
    data = str(folder / "n")
    process, port = start(folder, "--node-id", "solo", "--data-dir", data)
    try:
        until(lambda: get(port, "/health/ready")[0] == 200)
        assert get(port, "/health/live")[0] == 200
        pid_files = [folder / "n" / "run" / f"{name}.pid" for name in PROCESSES]
        until(lambda: all(path.exists() and path.read_text() for path in pid_files))
        session = {int(path.read_text().split()[0]) for path in pid_files}
        assert all(psutil.pid_exists(pid) for pid in session)
    finally:
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(15) == 0, (folder / "log").read_text()
    assert time.monotonic() - began < 10
    until(lambda: not any(is_alive(pid) for pid in session), 5)


def pid_of(folder: Path, name: str) -> int:
    try:
        return int((folder / "n" / "run" / f"{name}.pid").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def test_the_store_outlives_a_killed_node_and_is_adopted_unless_told_otherwise(
    folder: Path,
) -> None:
    flags = ["--node-id", "solo", "--data-dir", str(folder / "n")]
    names = ("management", "router", "cluster", "raft", "mesh")
    fixed = dict(zip(names, free_ports(5), strict=True))
    flags += [part for name in names for part in (f"--{name}-port", str(fixed[name]))]
    stores: list[int] = []
    for level in ("info", "info", "warning"):
        node, _ = start(folder, *flags, "--log-level", level)
        try:
            until(lambda: get(fixed["management"], "/health/ready")[0] == 200)
            stores.append(pid_of(folder, "store"))
            if len(stores) < 3:
                node.kill()
                node.wait(10)
                assert is_alive(stores[-1]), "the store must outlive a node that was killed"
        finally:
            if node.poll() is None:
                node.send_signal(signal.SIGTERM)
                assert node.wait(15) == 0, (folder / "log").read_text()
    first, second, third = stores
    assert first == second, "a living store must be adopted"
    assert third != second, "a store of other settings must be started anew"
    until(lambda: not any(is_alive(pid) for pid in stores), 5)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_sigterm_while_the_cluster_is_still_forming_ends_it_too(folder: Path) -> None:
    flags = ("--node-id", "early", "--data-dir", str(folder / "n"), "--bootstrap-expect", "3")
    process, _ = start(folder, *flags)
    until(lambda: "waiting for 2 more nodes" in (folder / "log").read_text())
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0, (folder / "log").read_text()


def test_a_data_directory_in_use_and_one_of_another_node_are_refused(folder: Path) -> None:
    data = str(folder / "n")
    first, port = start(folder, "--node-id", "solo", "--data-dir", data)
    try:
        until(lambda: get(port, "/health/ready")[0] == 200)
        second, _ = start(folder, "--node-id", "solo", "--data-dir", data)
        assert second.wait(20) == 2
        assert "belongs to a node that is running" in (folder / "log").read_text()
    finally:
        first.send_signal(signal.SIGTERM)
        first.wait(15)
    third, _ = start(folder, "--node-id", "other", "--data-dir", data)
    assert third.wait(20) == 2
    assert "belongs to solo" in (folder / "log").read_text()


def test_a_store_that_hangs_is_named_and_does_not_delay_the_end_of_its_node(folder: Path) -> None:
    process, port = start(folder, "--node-id", "solo", "--data-dir", str(folder / "n"))
    store = 0
    try:
        until(lambda: get(port, "/health/ready")[0] == 200)
        store = pid_of(folder, "store")
        os.kill(store, signal.SIGSTOP)
        until(lambda: get(port, "/health/ready")[0] == 503, 40)
        assert "the store process of this node does not answer" in str(get(port, "/health/ready"))
        assert get(port, "/health/live")[0] == 200
    finally:
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(15) == 0, (folder / "log").read_text()
    assert time.monotonic() - began < 10
    until(lambda: not is_alive(store), 5)
