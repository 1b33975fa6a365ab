"""The trivial application all stacks serve: 99 bytes of JSON at `/answer`, as ASGI and as a slice."""

from pathlib import Path

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
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "trivial-{kind}"
version = "1.0.0"
requires-python = ">=3.11"

[tool.hatch.build.targets.wheel]
packages = ["trivial"]

[tool.aether.slice]
id = "{blueprint}-{kind}"
{entry}
"""
ENTRY = {"slice": 'entry = "trivial:Trivial"', "asgi": 'app = "trivial:app"\nprefix = "/answer"'}
SOURCES = {"slice": SLICE, "asgi": ASGI}


def write_project(folder: Path, kind: str) -> Path:
    """Write the application as a project, as `slice` or as `asgi`; return its directory."""
    project = folder / f"trivial-{kind}"
    (project / "trivial").mkdir(parents=True)
    (project / "trivial" / "__init__.py").write_text(SOURCES[kind])
    text = PROJECT.format(kind=kind, blueprint=BLUEPRINT, entry=ENTRY[kind])
    (project / "pyproject.toml").write_text(text)
    return project


def blueprint(kind: str) -> str:
    """Return the blueprint of one instance."""
    return f"""
id = "{BLUEPRINT}-{kind}-app:1.0.0"

[[slices]]
artifact = "{BLUEPRINT}-{kind}:1.0.0"
instances = 1
max_instances = 1
"""
