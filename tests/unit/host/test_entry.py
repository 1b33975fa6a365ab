import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aether.core.model.ids import Artifact
from aether.core.model.records import Manifest
from aether.host.entry import Loaded, LoadFailed, app_routes, load

Write = Callable[[str], None]
MODULE = "entry_under_test"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(source: str) -> None:
        (tmp_path / f"{MODULE}.py").write_text(source)

    yield put
    sys.modules.pop(MODULE, None)


def manifest(entry: str, kind: str = "slice") -> Manifest:
    return Manifest(
        artifact=Artifact("org.example:sample:1.0.0"),
        entry=entry,
        kind="asgi" if kind == "asgi" else "slice",
        prefix="/p" if kind == "asgi" else "",
    )


def test_a_slice_is_loaded(write: Write) -> None:
    write(
        "from aether import Slice, get, call\n"
        "class S(Slice):\n"
        "    @get('/x', timeout=3, body_limit=9)\n"
        "    async def x(self) -> None: ...\n"
        "    @call()\n"
        "    async def m(self) -> None: ...\n"
        "class Outer:\n"
        "    S = S\n"
    )
    for name in ("S", "Outer.S"):
        found = load(manifest(f"{MODULE}:{name}"))
        assert isinstance(found, Loaded)
        assert found.methods == ("m",)
        (route,) = found.routes
        assert (route.method, route.pattern, route.timeout_s, route.body_limit) == (
            "GET",
            "/x",
            3.0,
            9,
        )


def test_an_asgi_application_takes_everything_below_its_prefix(write: Write) -> None:
    write("async def app(scope, receive, send): ...\n")
    found = load(manifest(f"{MODULE}:app", "asgi"))
    assert isinstance(found, Loaded)
    assert [(route.method, route.pattern) for route in found.routes] == [
        ("*", "/p"),
        ("*", "/p/{*rest}"),
    ]
    assert [route.pattern for route in app_routes("")] == ["/", "/{*rest}"]


@pytest.mark.parametrize(
    ("source", "entry", "message"),
    [
        ("", "no_such_module_at_all:S", "No module named"),
        ("x = 1", f"{MODULE}:Missing", "has no 'Missing'"),
        ("x = 1", f"{MODULE}:x", "not a class derived"),
        ("x = 1", MODULE, "should look like"),
        ("raise RuntimeError('at import')", f"{MODULE}:S", "RuntimeError: at import"),
        ("import sys; sys.exit(2)", f"{MODULE}:S", "SystemExit"),
        (
            "from aether import Slice\nclass S(Slice):\n    def __init__(self, db: str): ...",
            f"{MODULE}:S",
            "asks for 'db'",
        ),
        (
            "from typing import Protocol\nfrom aether import Slice, remote\n"
            "@remote('a.b:c')\nclass C(Protocol):\n    async def m(self) -> None: ...\n"
            "class S(Slice):\n    def __init__(self, c: C): ...",
            f"{MODULE}:S",
            "calls a.b:c, which",
        ),
    ],
)
def test_what_cannot_be_loaded_is_fatal_and_says_why(
    write: Write, source: str, entry: str, message: str
) -> None:
    write(source)
    found = load(manifest(entry))
    assert isinstance(found, LoadFailed)
    assert found.kind == "fatal"
    assert message in found.message
    assert "org.example:sample:1.0.0" in found.message
    assert set(found.to_plain()) == {"kind", "message", "trace"}


def test_the_authors_trace_is_kept(write: Write) -> None:
    write("def f():\n    raise RuntimeError('deep')\nf()\n")
    found = load(manifest(f"{MODULE}:S"))
    assert isinstance(found, LoadFailed)
    assert f"{MODULE}.py" in found.trace
    assert "in f" in found.trace
