"""Nodes started one by one, each with a data directory of its own, as an operator starts them."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psutil

from e2e.forge import BIN, ROOT, call, wait_until

READY_S = 60.0


@dataclass
class Nodes:
    """Nodes 1, 2, 3 … below one folder; node `n` has ports `base` + 10 n and up."""

    folder: Path
    base: int
    processes: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def data_dir(self, number: int) -> Path:
        return self.folder / f"n{number}"

    def port(self, number: int, which: str) -> int:
        names = ("management", "router", "cluster", "raft", "mesh")
        return self.base + 10 * number + names.index(which)

    def start(
        self, number: int, *, joins: int | None = None, expect: int = 1, flags: Sequence[str] = ()
    ) -> None:
        """Start a node; `joins` names a node of the cluster it looks for."""
        given = ["--node-id", f"n-{number}", "--data-dir", str(self.data_dir(number)), *flags]
        for name in ("management", "router", "cluster", "raft", "mesh"):
            given += [f"--{name}-port", str(self.port(number, name))]
        if joins is not None:
            given += ["--join", f"127.0.0.1:{self.port(joins, 'cluster')}"]
        with (self.folder / f"n{number}.log").open("ab") as log:
            self.processes[number] = subprocess.Popen(
                [str(BIN / "aether-node"), *given, "--bootstrap-expect", str(expect)],
                stderr=log,
                start_new_session=True,
                env={k: v for k, v in os.environ.items() if not k.startswith("AETHER_")},
            )

    def kill(self, number: int) -> None:
        """Lose the machine: every process of the node at once."""
        run = self.data_dir(number) / "run"
        process = self.processes.pop(number)
        doomed = [process.pid, *filter(None, map(_named, run.glob("*.pid")))]
        for pid in doomed:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait(10)
        wait_until("all gone", lambda: not any(_lives(pid) for pid in doomed), 10)

    def stop(self) -> None:
        """Stop every node as an operator does."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait(30)

    def wipe(self, number: int) -> None:
        """Lose the disk."""
        shutil.rmtree(self.data_dir(number))

    def wait_ready(self, number: int) -> float:
        return wait_until(
            f"n-{number} ready", lambda: self.get(number, "/health/ready")[0] == 200, READY_S
        )

    def get(self, number: int, path: str) -> tuple[int, Any]:
        """Ask a node; status 0 when it does not answer."""
        try:
            answer = call(self.port(number, "management"), "GET", path, timeout_s=10.0)
        except (OSError, HTTPException):
            return 0, None
        return answer.status, answer.json()

    def members(self, number: int) -> dict[str, dict[str, Any]]:
        status, told = self.get(number, "/api/v1/cluster/members")
        return {member["node"]: member for member in told["members"]} if status == 200 else {}

    def has_voters(self, number: int, *voters: int) -> bool:
        """Whether exactly these nodes are members, vote, are well and have everything."""
        found = self.members(number)
        return set(found) == {f"n-{voter}" for voter in voters} and all(
            member["voter"] and member["condition"] == "ok" and member["lag"] == 0
            for member in found.values()
        )

    def aether(self, number: int, *arguments: str, code: int = 0) -> str:
        """Run the CLI against a node; return what it printed, errors included."""
        endpoint = f"http://127.0.0.1:{self.port(number, 'management')}"
        done = subprocess.run(
            [str(BIN / "aether"), "--endpoint", endpoint, *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, (
            f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done.stdout + done.stderr

    def aether_json(self, number: int, *arguments: str) -> Any:  # noqa: ANN401 - whatever is told
        return json.loads(self.aether(number, "-o", "json", "-q", *arguments))


def _named(pid_file: Path) -> int:
    """Return the pid a file names, 0 when the process is gone and its number perhaps another's."""
    pid, created = pid_file.read_text().split()[:2]
    try:
        same = abs(psutil.Process(int(pid)).create_time() - float(created)) < 1.0
    except psutil.NoSuchProcess:
        return 0
    return int(pid) if same else 0


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def plain_nodes(base: int) -> Iterator[Nodes]:
    """Give a folder for nodes and end whatever was started in it; E2E_KEEP keeps the files."""
    nodes = Nodes(Path(tempfile.mkdtemp(prefix="ae", dir="/tmp")), base)
    try:
        yield nodes
    finally:
        for number in tuple(nodes.processes):
            nodes.kill(number)
        if not os.environ.get("E2E_KEEP"):
            shutil.rmtree(nodes.folder, ignore_errors=True)
