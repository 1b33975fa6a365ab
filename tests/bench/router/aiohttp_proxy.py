"""A reverse proxy of aiohttp alone: `python aiohttp_proxy.py PORT unix:PATH|HOST:PORT`."""

import sys

import aiohttp
import uvloop
from aiohttp import web

HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "te"})


class Proxy:
    """Passes each request on through one pool of connections."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._client: aiohttp.ClientSession | None = None

    async def start(self, _: web.Application) -> None:
        connector: aiohttp.BaseConnector
        if self._target.startswith("unix:"):
            connector = aiohttp.UnixConnector(self._target.removeprefix("unix:"), limit=0)
        else:
            connector = aiohttp.TCPConnector(limit=0)
        self._client = aiohttp.ClientSession(connector=connector, auto_decompress=False)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert self._client is not None
        host = "origin" if self._target.startswith("unix:") else self._target
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
        headers["X-Forwarded-For"] = request.remote or ""
        async with self._client.request(
            request.method,
            f"http://{host}{request.raw_path}",
            headers=headers,
            data=request.content if request.can_read_body else None,
        ) as answer:
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP}
            if (answer.content_length or 0) <= 16384:
                return web.Response(status=answer.status, headers=kept, body=await answer.read())
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response


def main(port: str, target: str) -> None:
    proxy = Proxy(target)
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.on_startup.append(proxy.start)
    application.router.add_route("*", "/{path:.*}", proxy.handle)
    loop = uvloop.new_event_loop()
    web.run_app(
        application, host="127.0.0.1", port=int(port), access_log=None, print=None, loop=loop
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
