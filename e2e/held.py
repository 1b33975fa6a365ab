"""Steps held up so that something can be done in the middle of them: launchers, stores, an answer."""

import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Self

import psutil

from aether_forge.processes import part_of
from e2e.forge import Forge

REQUEST_S = 30.0
"""Longest wait for the client to say all of its request."""
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")


def part(forge: Forge, number: int, name: str) -> psutil.Process:
    """Return a live process of a node."""
    found = part_of(forge.data_dir / f"node-{number}", name)
    assert found is not None, f"node-{number} has no {name}"
    return found


@contextmanager
def standing_still(forge: Forge, numbers: Iterable[int], name: str) -> Iterator[None]:
    """Have these nodes' processes of that name do nothing; one that is killed meanwhile stays dead."""
    with ExitStack() as resumed:
        for number in numbers:
            process = part(forge, number, name)
            process.suspend()
            resumed.callback(_resume, process)
        yield


def _resume(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.resume()


class Withheld:
    """Stands between one client and a node: has the request, passes it on, and gives no answer."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(REQUEST_S)
        self._open: list[socket.socket] = [self._listener]
        self._request = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: object, trace: TracebackType | None
    ) -> None:
        self.break_off()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def take_request(self) -> None:
        """Return once the client has said all it has to say."""
        client, _ = self._listener.accept()
        client.settimeout(REQUEST_S)
        self._open.append(client)
        while not _is_whole(self._request):
            piece = client.recv(65536)
            assert piece, "the client left before it had asked"
            self._request += piece

    def pass_on(self, port: int) -> None:
        """Say the same to a node."""
        node = socket.create_connection(("127.0.0.1", port), REQUEST_S)
        self._open.append(node)
        node.sendall(self._request)

    def break_off(self) -> None:
        """Close everything: the client learns that no answer comes."""
        while self._open:
            self._open.pop().close()


def _is_whole(request: bytes) -> bool:
    head, separator, body = request.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n")
    return bool(separator) and len(body) >= (int(length[1]) if length else 0)
