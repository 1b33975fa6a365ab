"""A closed-loop HTTP client: as many connections as asked, each with one request at a time.

`python -m tests.bench.load HOST:PORT PATH CONNECTIONS SECONDS [BODY_BYTES]` prints one JSON object. It stands
in where `wrk` is not installed, and costs more processor time than that does.
"""

import asyncio
import json
import sys
import time
from typing import cast

import httptools
import uvloop

HEADERS = (
    "Host: shop.example.org",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: application/json, text/plain, */*",
    "Accept-Language: en-US,en;q=0.8,de-DE;q=0.5,de;q=0.3",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Referer: https://shop.example.org/catalogue/things?page=2&sort=price&order=ascending",
    "Cookie: id=0123456789abcdef0123456789abcdef; theme=dark; consent=2026-01-01; "
    "_seen=1764374400.1764375010.17; cart=c29tZXRoaW5nIHRoYXQgbG9va3MgbGlrZSBhIGNhcnQ",
    "Authorization: Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6IjIwMjYtMDEifQ.eyJzdWIiOiJ1c2VyLTQ3MTEiLCJp"
    "ZW1haWwiOiJhbnlib2R5QGV4YW1wbGUub3JnIiwic2NvcGUiOiJyZWFkIHdyaXRlIG9yZGVyIiwi"
    "c3MiOiJodHRwczovL2lkLmV4YW1wbGUub3JnIiwiYXVkIjoic2hvcCIsImV4cCI6MTc2NDM3ODAwMH0.c2lnbmF0dXJl"
    "LW9mLXNpeHR5LWZvdXItYnl0ZXMtaW4tYmFzZTY0LXdoaWNoLWlzLWxvbmdlcg",
    "Cache-Control: no-cache",
    "X-Requested-With: XMLHttpRequest",
)
"""Ten headers a browser application sends, more or less; 900 bytes with the request line."""


class Client(asyncio.Protocol):
    """Sends the next request when the answer to the last is whole."""

    def __init__(self, request: bytes, latencies: list[float]) -> None:
        self._request = request
        self._latencies = latencies
        self._transport: asyncio.Transport | None = None
        self._began = 0.0
        self._parser = httptools.HttpResponseParser(self)
        self.failed = 0
        self.stopped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.stopped:
            self.failed += 1

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._latencies.append(time.perf_counter() - self._began)
        if self._parser.get_status_code() != 200:
            self.failed += 1
        self._parser = httptools.HttpResponseParser(self)
        if self.stopped:
            self.close()
        else:
            self._send()

    def _send(self) -> None:
        if self._transport is not None:
            self._began = time.perf_counter()
            self._transport.write(self._request)

    def close(self) -> None:
        """End the connection."""
        self.stopped = True
        if self._transport is not None:
            self._transport.close()


async def run(
    address: str, path: str, connections: int, seconds: float, body: int
) -> dict[str, float]:
    """Load one address; return counts, and latencies in milliseconds."""
    first = (
        f"POST {path} HTTP/1.1\r\nContent-Length: {body}\r\n"
        if body
        else f"GET {path} HTTP/1.1\r\n"
    )
    head = first + "".join(f"{line}\r\n" for line in HEADERS) + "\r\n"
    request = head.encode() + b"x" * body
    latencies: list[float] = []
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: Client(request, latencies), host, int(port)
        )
        clients.append(client)
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    done = sorted(latencies)
    for client in clients:
        client.close()
    return {
        "requests": len(done),
        "failed": sum(client.failed for client in clients),
        "seconds": took,
        "p50": 1000 * done[len(done) // 2],
        "p99": 1000 * done[len(done) * 99 // 100],
    }


if __name__ == "__main__":
    address, path, connections, seconds, *more = sys.argv[1:]
    body = int(more[0]) if more else 0
    outcome = uvloop.run(run(address, path, int(connections), float(seconds), body))
    sys.stdout.write(json.dumps(outcome) + "\n")
