"""A trivial origin: `python -m tests.bench.origin SOCKET HOST:PORT` answers `/size/N` with N bytes, on both."""

import asyncio
import sys
from typing import cast

import httptools
import uvloop


class Origin(asyncio.Protocol):
    """Answers every request at once."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._answers: dict[bytes, bytes] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._target = url

    def on_message_complete(self) -> None:
        if self._transport is not None:
            self._transport.write(self._answer(self._target))

    def _answer(self, target: bytes) -> bytes:
        if target not in self._answers:
            body = b"x" * int(target.rpartition(b"/")[2])
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n"
            self._answers[target] = b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body)
        return self._answers[target]


async def main(path: str, address: str) -> None:
    """Serve on both until killed."""
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    await loop.create_unix_server(Origin, path)
    server = await loop.create_server(Origin, host, int(port))
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
