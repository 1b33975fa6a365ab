import socket
import sys
import threading
from collections.abc import Iterator

import onnxruntime
import pytest

from aether.forecast import session
from aether.forecast.card import SHIPPED, read
from aether.forecast.packing import Answer, packed, unpacked
from aether.forecast.session import Session
from aether.forecast.wire import WireBroken, receive, send
from aether.forecast.worker import serve

PAST = [float(10 + minute % 5) for minute in range(200)]


@pytest.fixture
def node() -> Iterator[socket.socket]:
    """The node's end; the other is served until this one is closed."""
    node, worker = socket.socketpair()
    node.settimeout(20)

    def served() -> None:
        with worker:
            serve(worker)

    thread = threading.Thread(target=served)
    thread.start()
    with node:
        yield node
        node.close()
        thread.join(20)
        assert not thread.is_alive(), "it ends when nobody is there any more"


def test_batches_are_answered_as_a_session_would(node: socket.socket) -> None:
    model = read(SHIPPED)[1]
    send(node, model)
    assert receive(node, Answer) == Answer()
    for batch in ([PAST, [1.0], PAST[20:]], [], [PAST]):
        send(node, packed(batch, 60.0))
        answer = receive(node, Answer)
        assert unpacked(answer, len(batch)) == Session(model).predict(batch, 60.0)
        assert answer.cpu_s > 0


def test_a_batch_that_fails_is_said_and_the_next_one_is_answered(
    node: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(node, read(SHIPPED)[1])
    receive(node, Answer)

    def broken(*_: object) -> None:
        raise RuntimeError("no kernel for Gemm")

    with monkeypatch.context() as patch:
        patch.setattr(Session, "run", broken)
        send(node, packed([PAST], 60.0))
        assert receive(node, Answer).problem == "RuntimeError: no kernel for Gemm"
    send(node, packed([PAST], 60.0))
    assert receive(node, Answer).places == (0,)


def test_a_model_that_cannot_be_loaded_is_said_and_then_it_ends(node: socket.socket) -> None:
    send(node, b"not a model")
    answer = receive(node, Answer)
    assert "cannot be loaded" in answer.problem
    assert not answer.passing
    with pytest.raises(WireBroken, match="gone"):
        receive(node, Answer)


def test_a_model_that_loads_and_cannot_run_is_said(
    node: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "Batch", None)
    send(node, read(SHIPPED)[1])
    assert "the model cannot be run: AttributeError" in receive(node, Answer).problem


@pytest.mark.parametrize(
    "shortage",
    [MemoryError(), OSError("no files"), ImportError("failed to map segment", name="numpy")],
    ids=lambda one: type(one).__name__,
)
def test_what_was_short_may_not_be_short_another_time(
    node: socket.socket, monkeypatch: pytest.MonkeyPatch, shortage: Exception
) -> None:
    def broken(*_: object) -> None:
        raise shortage

    monkeypatch.setattr(Session, "answer", broken)
    send(node, read(SHIPPED)[1])
    answer = receive(node, Answer)
    assert answer.passing
    assert f"the model cannot be run: {type(shortage).__name__}" in answer.problem


def test_memory_that_was_short_while_the_model_was_loaded_is_told_as_such(
    node: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("Exception during initialization: std::bad_alloc")

    monkeypatch.setattr(onnxruntime, "InferenceSession", broken)
    send(node, read(SHIPPED)[1])
    answer = receive(node, Answer)
    assert answer.passing
    assert "cannot be loaded" in answer.problem


def test_a_library_that_is_not_installed_is_named(
    node: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "aether.forecast.session", None)
    send(node, read(SHIPPED)[1])
    answer = receive(node, Answer)
    assert "install aether-cluster[forecast]" in answer.problem
    assert not answer.passing
