"""Stands in for a node in the tests of forge: the same processes and files, none of the work.

A node with a store, a router and a launcher in sessions of their own, and two hosts of the launcher. The
environment variable FAKE_NODE makes one misbehave: `crash` ends at once, `stubborn` ignores
SIGTERM, `lingering` has hosts that outlive their launcher by half a second.
"""

import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil


def argument(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


def write_pid(run: Path, name: str, pid: int) -> None:
    run.mkdir(parents=True, exist_ok=True)
    (run / f"{name}.pid").write_text(f"{pid} {psutil.Process(pid).create_time()}")


def child(logs: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    with (logs / "children.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, __file__, *arguments],
            start_new_session=True,
            stdout=log,
            stderr=log,
        )


def wait_for_the_end() -> None:
    def end(*_: object) -> None:
        if "--host" in sys.argv and os.environ.get("FAKE_NODE") == "lingering":
            threading.Event().wait(0.5)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    if "--host" in sys.argv:
        os.write(int(argument("--ready")), b"!")
    while True:
        signal.pause()


def launcher(run: Path) -> None:
    ready, told = os.pipe()
    command = [sys.executable, __file__, "--host", str(run.parent), "--ready", str(told)]
    hosts = [subprocess.Popen(command, pass_fds=[told]) for _ in range(2)]
    for _ in hosts:
        os.read(ready, 1)
    (run / "hosts").write_text(" ".join(str(host.pid) for host in hosts))

    def end(*_: object) -> None:
        for host in hosts:
            host.terminate()
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    while True:
        signal.pause()


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ready = (Path(argument("--data-dir")) / "run" / "hosts").exists()
        self.send_response(200 if ready else 503)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"items": []}')

    def log_message(self, *_: object) -> None:
        return


def node() -> None:
    behaviour = os.environ.get("FAKE_NODE", "")
    data_dir = Path(argument("--data-dir"))
    run = data_dir / "run"
    sys.stdout.write(f"fake node {' '.join(sys.argv[1:])}\n")
    sys.stdout.flush()
    if behaviour == "crash":
        sys.exit("no good reason")
    write_pid(run, "node", os.getpid())
    (run / "hosts").unlink(missing_ok=True)
    logs = data_dir / "logs"
    children = [
        child(logs, "--store", str(data_dir)),
        child(logs, "--router", str(data_dir)),
        child(logs, "--launcher", str(run)),
    ]
    for name, process in zip(("store", "router", "launcher"), children, strict=True):
        write_pid(run, name, process.pid)
    server = HTTPServer(("127.0.0.1", int(argument("--management-port"))), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def end(*_: object) -> None:
        if behaviour == "stubborn":
            return
        for process in children:
            process.terminate()
            process.wait()
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    while True:
        signal.pause()


if __name__ == "__main__":
    if "--launcher" in sys.argv:
        launcher(Path(argument("--launcher")))
    elif {"--store", "--router", "--host"} & set(sys.argv):
        wait_for_the_end()
    else:
        node()
