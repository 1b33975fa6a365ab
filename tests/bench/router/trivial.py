"""The trivial application all stacks serve: 99 bytes of JSON at `/answer`, as ASGI and as a slice."""

from collections.abc import Mapping
from pathlib import Path

from e2e.projects import write_project

PATH = "/answer"
BODY = b'{"answer":"' + b"x" * 86 + b'"}'
BLUEPRINT = "bench.local:trivial"

ASGI = f"""
BODY = {BODY!r}
HEAD = {{
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))],
}}


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({{"type": message["type"] + ".complete"}})
            if message["type"] == "lifespan.shutdown":
                return
    await send(HEAD)
    await send({{"type": "http.response.body", "body": BODY}})
"""
SLICE = f"""
from aether import Response, Slice, get

BODY = {BODY!r}


class Trivial(Slice):
    @get("{PATH}")
    async def answer(self) -> Response:
        return Response(BODY, headers={{"content-type": "application/json"}})
"""
TABLE: Mapping[str, Mapping[str, str | int]] = {
    "slice": {"entry": "trivial:Trivial"},
    "asgi": {"app": "trivial:app", "prefix": "/answer"},
}
SOURCES = {"slice": SLICE, "asgi": ASGI}


def write_application(folder: Path, kind: str) -> Path:
    """Write the application as a project, as `slice` or as `asgi`; return its directory."""
    table = {"id": f"{BLUEPRINT}-{kind}", **TABLE[kind]}
    return write_project(folder / f"trivial-{kind}", "trivial", SOURCES[kind], table)


def blueprint(kind: str) -> str:
    """Return the blueprint of one instance."""
    return f"""
id = "{BLUEPRINT}-{kind}-app:1.0.0"

[[slices]]
artifact = "{BLUEPRINT}-{kind}:1.0.0"
instances = 1
max_instances = 1
"""
