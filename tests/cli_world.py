"""A management API that answers what a test tells it to, on a real socket."""

import json
import socket
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

API = "/api/v1"


@dataclass(frozen=True)
class Answer:
    status: int = 200
    value: Any = None
    text: bytes | None = None
    content_type: str = "application/json"

    def body(self) -> bytes:
        return json.dumps(self.value).encode() if self.text is None else self.text


def problem(status: int, detail: str, code: str = "invalid", **fields: Any) -> Answer:
    """An error as the API writes it."""
    document = {"title": f"Title {status}", "status": status, "detail": detail, "code": code}
    return Answer(status, {**document, **fields}, content_type="application/problem+json")


def page(*items: Any, cursor: str | None = None) -> Answer:
    return Answer(value={"items": list(items), "next": cursor})


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    body: bytes
    headers: dict[str, str] = field(compare=False, default_factory=dict)


class FakeApi:
    """Answers a request with the next answer given for it; the last one again and again."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: dict[tuple[str, str], deque[Answer]] = defaultdict(deque)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def on(self, method: str, path: str, *answers: Answer) -> None:
        """Answer `method` on `path` (below the API's root, with its query) in this order."""
        self._answers[method, f"{API}/{path}"] = deque(answers)

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        waiting = self._answers[asked.method, asked.path]
        if not waiting:
            return problem(404, f"there is no call {asked.method} {asked.path}", "no_such_call")
        return waiting.popleft() if len(waiting) > 1 else waiting[0]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, self.rfile.read(size), headers)
            answer = api.answer(asked)
            body = answer.body()
            self.send_response(answer.status)
            self.send_header("content-type", answer.content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name above
            return

    for method in ("GET", "POST", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._serve)
    return Handler


@contextmanager
def raw_server(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Accept connections one after the other and let `serve` do with them what it likes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    serve(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
