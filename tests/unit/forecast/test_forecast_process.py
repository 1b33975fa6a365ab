import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import psutil
import pytest

from aether.forecast import process as module
from aether.forecast.card import SHIPPED, ModelUnusable, read
from aether.forecast.process import ModelFailed, ModelProcess
from aether.forecast.session import Session

PAST = [float(10 + minute % 5) for minute in range(200)]
LIVES = """
import os, sys
from aether.forecast.card import SHIPPED, read
from aether.forecast.process import ModelProcess
model = ModelProcess(read(SHIPPED)[1])
model.start()
print(model.pid, flush=True)
os.kill(os.getpid(), 9)
"""

SHORT = """
import socket
from aether.forecast.packing import Answer
from aether.forecast.wire import receive, send
node = socket.socket(fileno=0)
receive(node, bytes)
send(node, Answer(problem="MemoryError", passing=True))
"""
SILENT = "import sys; sys.stdin.buffer.read()"


@pytest.fixture
def model() -> Iterator[ModelProcess]:
    found = ModelProcess(read(SHIPPED)[1])
    found.start()
    yield found
    found.close()


def running(model: ModelProcess) -> psutil.Process:
    assert model.pid is not None
    return psutil.Process(model.pid)


def test_it_answers_as_a_session_in_this_process_would(model: ModelProcess) -> None:
    expected = Session(read(SHIPPED)[1]).predict([PAST, [1.0], PAST[5:]], 60.0)
    assert model.predict([PAST, [1.0], PAST[5:]], 60.0) == expected
    spent = model.cpu_elsewhere_s
    assert spent > 0
    assert model.predict([PAST] * 1024, 60.0)[1023] is not None
    assert model.cpu_elsewhere_s > spent


def test_a_process_that_died_costs_a_batch_and_the_next_one_starts_another(
    model: ModelProcess,
) -> None:
    first = running(model)
    first.send_signal(signal.SIGSEGV)
    with pytest.raises(ModelFailed, match=r"it ended with|it was stopped"):
        model.predict([PAST], 60.0)
    assert model.pid is None
    assert model.predict([PAST], 60.0)[0] is not None
    assert running(model).pid != first.pid


def test_a_process_that_hangs_is_ended(model: ModelProcess) -> None:
    model.close()
    model = ModelProcess(read(SHIPPED)[1], answer_s=0.2)
    model.start()
    first = running(model)
    first.suspend()
    with pytest.raises(ModelFailed, match="no answer: timed out, it was stopped"):
        model.predict([PAST], 60.0)
    assert not first.is_running()
    model.close()


def test_what_cannot_be_run_is_said_and_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ModelProcess(b"not a model")
    with pytest.raises(ModelUnusable, match="cannot be loaded"):
        model.start()
    assert model.pid is None
    monkeypatch.setattr(module, "_PROGRAM", (sys.executable, "-c", "raise SystemExit(7)"))
    with pytest.raises(ModelFailed, match="process does not run"):
        model.start()
    assert model.pid is None
    with pytest.raises(ModelFailed, match="process does not run"):
        model.predict([PAST], 60.0)
    monkeypatch.setattr(module, "_PROGRAM", ("/nowhere/python",))
    with pytest.raises(ModelFailed, match="cannot be started"):
        model.start()


def test_what_is_short_may_not_be_short_another_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ModelProcess(read(SHIPPED)[1])

    def no_files(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    for name in ("socketpair", "Popen"):
        with monkeypatch.context() as patch:
            patch.setattr(socket if name == "socketpair" else subprocess, name, no_files)
            with pytest.raises(ModelFailed, match=r"cannot be started: .*Too many open files"):
                model.start()
    monkeypatch.setattr(module, "_PROGRAM", (sys.executable, "-c", SHORT))
    with pytest.raises(ModelFailed, match="MemoryError"):
        model.start()
    assert model.pid is None


def test_a_start_is_broken_off_at_once_also_while_there_is_no_process_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ModelProcess(read(SHIPPED)[1])
    spawned, children = module._spawned, list[psutil.Process]()

    def left_meanwhile() -> "module._Running":
        running = spawned()
        children.append(psutil.Process(running.process.pid))
        model.leave()
        return running

    monkeypatch.setattr(module, "_PROGRAM", (sys.executable, "-c", SILENT))
    monkeypatch.setattr(module, "_spawned", left_meanwhile)
    monkeypatch.setattr(module, "START_S", 1.0)
    with pytest.raises(ModelFailed, match="closed"):
        model.start()
    assert not children[0].is_running()


def test_leaving_ends_the_wait_for_an_answer_at_once(model: ModelProcess) -> None:
    child = running(model)
    child.suspend()
    problems = list[str]()

    def ask() -> None:
        try:
            model.predict([PAST], 60.0)
        except ModelFailed as problem:
            problems.append(str(problem))

    asking = threading.Thread(target=ask)
    asking.start()
    model.leave()
    asking.join(5)
    assert not asking.is_alive()
    assert len(problems) == 1
    with pytest.raises(ModelFailed, match="closed"):
        model.predict([PAST], 60.0)
    model.close()
    model.close()
    assert not child.is_running()


def test_it_ends_when_its_node_is_killed() -> None:
    node = subprocess.run([sys.executable, "-c", LIVES], capture_output=True, check=False)
    assert node.returncode == -signal.SIGKILL, node.stderr
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(node.stdout)).wait(20)
