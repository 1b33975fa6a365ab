"""A plain Starlette application: a greeting, one with a name, and one that streams."""

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

MAX_COUNT = 1000
PAUSE_S = 0.01


async def greet(_request: Request) -> Response:
    """Greet everybody."""
    return PlainTextResponse("Hello, world!\n")


async def greet_by_name(request: Request) -> Response:
    """Greet whoever the path names, and say where the application is mounted."""
    name = request.path_params["name"]
    return JSONResponse({"hello": name, "url": str(request.url_for("greet_by_name", name=name))})


async def count(request: Request) -> Response:
    """Count to a number, a line at a time."""
    last = request.path_params["last"]
    if last > MAX_COUNT:
        raise HTTPException(422, f"{last} is too far to count to: the limit is {MAX_COUNT}")
    return StreamingResponse(_lines(last), media_type="text/plain")


async def _lines(last: int) -> AsyncIterator[str]:
    for number in range(1, last + 1):
        yield f"{number}\n"
        await asyncio.sleep(PAUSE_S)


app = Starlette(
    routes=[
        Route("/", greet),
        Route("/count/{last:int}", count),
        Route("/{name}", greet_by_name),
    ]
)
