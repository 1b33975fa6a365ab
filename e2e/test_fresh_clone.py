"""A newcomer's first minutes: clone, `make run`, call the application, Ctrl-C."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.forge import ROOT, Forge, call, wait_until

FIRST_ANSWER_S = 120.0
"""Promised with a warm package cache."""
OFFSET = 4500


@pytest.fixture
def clone() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(root / "c")], check=True)
    yield root / "c"
    shutil.rmtree(root, ignore_errors=True)


def test_make_run_in_a_fresh_clone_answers_and_ctrl_c_leaves_nothing(clone: Path) -> None:
    forge = Forge(clone.parent / "f", OFFSET)
    flags = f"--port-offset {OFFSET} --data-dir {forge.data_dir}"
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    began = time.monotonic()
    with (clone.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            ["make", "run", f"FORGE_FLAGS={flags}"],
            cwd=clone,
            stdout=log,
            stderr=log,
            env=environ,
            start_new_session=True,
        )
    try:
        body = json.dumps({"url": "https://example.org/fresh"}).encode()
        headers = {"content-type": "application/json"}

        def code_on(node: int) -> str:
            answer = call(forge.router(node), "POST", "/api/v1/urls", body, headers)
            return str(answer.json()["code"]) if answer.status == 201 else ""

        wait_until("an answer on router 1", lambda: bool(code_on(1)), FIRST_ANSWER_S)
        assert time.monotonic() - began < FIRST_ANSWER_S
        for node, other in ((1, 2), (2, 3), (3, 1)):
            answer = call(forge.router(other), "GET", f"/{code_on(node)}")
            assert (answer.status, answer.headers["location"]) == (302, "https://example.org/fresh")
        wait_until("all is printed", lambda: "Ctrl-C" in (clone.parent / "log").read_text(), 60)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
    assert forge.processes() == []
