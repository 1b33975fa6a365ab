"""Every block of code in the guide to slices is run: what it says is true of the SDK."""

import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aether.artifacts.manifest import manifest_of
from aether.config.toml import load_toml
from aether.host.interface import interface_of
from aether.sdk import CallUnavailable, Config, KvConflict, Request, Response, Slice
from aether.sdk.http import HttpError
from aether.sdk.memory import MemoryKv
from aether.sdk.shape import construct, shape_of
from aether.sdk.trace import REQUEST_HEADERS
from tests.example_slices import ROOT, LocalCaller, NoCaller, ask

GUIDE = (ROOT / "docs/guide/slices.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
MODULES = {
    "notes",
    "lines",
    "greeter",
    "names",
    "orders",
    "polite",
    "plain",
    "classic",
    "test_notes",
}


@pytest.fixture
def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Write the modules of the guide to a directory of their own and import from there."""
    for kind, text in BLOCKS:
        if kind == "python":
            file = tmp_path / text.partition("\n")[0].removeprefix("# ")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "tests"))
    yield importlib.import_module
    for name in MODULES:
        sys.modules.pop(name, None)


def made(kind: type[Slice], caller: Any = None, **config: object) -> Any:
    return construct(kind, shape_of(kind), Config(config), MemoryKv(), caller or NoCaller())


def read(answer: Response) -> Any:
    assert isinstance(answer.body, bytes)
    return json.loads(answer.body)


def test_every_python_block_is_a_module_this_test_knows() -> None:
    names = {
        re.match(r"# (?:tests/)?(\w+)(?:/__init__)?\.py\n", text)[1]  # type: ignore[index] # a block without a name is to fail here
        for kind, text in BLOCKS
        if kind == "python"
    }
    assert names == MODULES


async def test_notes(guide: Any) -> None:
    notes = made(guide("notes").Notes, longest=10)
    await notes.start()
    tea = {"title": "tea", "text": "milk first"}
    added = await ask(notes, "POST", "/notes", json.dumps(tea).encode())
    assert (added.status, read(added)) == (201, tea)
    again = await ask(notes, "POST", "/notes", json.dumps(tea).encode())
    assert (again.status, read(again)["code"]) == (409, "conflict")
    assert read(await ask(notes, "GET", "/notes/tea")) == tea
    assert read(await ask(notes, "GET", "/notes")) == ["tea"]
    long = {"title": "x", "text": "x" * 11}
    assert (await ask(notes, "POST", "/notes", json.dumps(long).encode())).status == 422
    bad = read(await ask(notes, "POST", "/notes", b'{"title": ""}'))
    assert [error["field"] for error in bad["errors"]] == ["title"]
    await notes.remove("tea")
    assert (await ask(notes, "GET", "/notes/tea")).status == 404
    await notes.stop()


@pytest.mark.parametrize("limit", ["0", "101", "many"])
async def test_a_bound_in_an_annotation_is_checked(guide: Any, limit: str) -> None:
    from aether.sdk.binding import bind

    (route,) = (
        route
        for route in shape_of(guide("notes").Notes).routes
        if (route.mark.method, route.mark.pattern) == ("GET", "/notes")
    )
    with pytest.raises(HttpError) as refused:
        bind(route.parameters, Request("GET", "/notes", query=f"limit={limit}"), {}, b"")
    assert refused.value.status == 422
    assert refused.value.errors[0]["field"] == "limit"


async def test_lines_are_streamed(guide: Any) -> None:
    lines = made(guide("lines").Lines)
    answer = await lines.number(Request("POST", "/numbered", body=b"abc"), start=7)
    assert [chunk async for chunk in answer.body] == [b"7: 3 bytes\n"]


async def test_one_slice_calls_another(guide: Any) -> None:
    names, greeter = guide("names"), guide("greeter")
    caller = LocalCaller({"org.example:names": made(names.NameBook)})
    slice_ = made(greeter.Greeter, caller, greeting="Good day")
    answer = await ask(slice_, "GET", "/greet/ada")
    assert read(answer) == {"greeting": "Good day, Ada Lovelace!"}
    assert read(await ask(slice_, "GET", "/greet/bob")) == {"greeting": "Good day, bob!"}
    assert caller.calls[0] == ("org.example:names", "full_name", True)
    alone = made(greeter.Greeter, LocalCaller({}))
    assert read(await ask(alone, "GET", "/greet/ada")) == {"greeting": "Hello, ada!"}
    with pytest.raises(CallUnavailable):
        await alone.names.full_name("ada")


async def test_a_handler_sees_its_trace_and_may_put_a_span_of_its_own(guide: Any) -> None:
    orders = made(guide("orders").Orders)
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert await orders.trace() == {"request": "", "trace": ""}
    REQUEST_HEADERS.set([(b"traceparent", parent.encode()), (b"x-request-id", b"r-1")])
    assert await orders.trace() == {"request": "r-1", "trace": parent[3:35]}
    own = parent.replace("00f067aa0ba902b7", "1111111111111111")
    assert await orders.span(own) == own
    assert (await orders.trace())["trace"] == parent[3:35]


async def test_changed_settings_are_taken(guide: Any) -> None:
    polite = made(guide("polite").Polite, greeting="Good day")
    await polite.start()
    assert polite.greeting == "Good day"
    await polite.configure(Config({"greeting": "Good night"}))
    assert polite.greeting == "Good night"
    await polite.configure(Config({}))
    assert polite.greeting == "Hello"


async def test_the_bare_asgi_application(guide: Any) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/plain/x", "root_path": "/plain"}
    await guide("plain").app(scope, None, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[1]["body"] == b"/plain/x below /plain\n"


def test_the_bare_wsgi_application(guide: Any) -> None:
    said: list[Any] = []
    environ = {"PATH_INFO": "/x", "SCRIPT_NAME": "/classic"}
    body = guide("classic").app(environ, lambda *head: said.append(head))
    assert body == [b"/x below /classic\n"]
    assert said == [("200 OK", [("Content-Type", "text/plain")])]


def test_the_test_in_the_guide_passes(guide: Any) -> None:
    shown = guide("test_notes")
    shown.test_a_note_is_kept()
    assert "assert " in inspect.getsource(shown.test_a_note_is_kept), (
        "it shows how to test something"
    )


def test_the_manifests_are_valid_and_name_the_code_of_the_guide(guide: Any) -> None:
    tables = [text for kind, text in BLOCKS if kind == "toml"]
    slice_, application, classic = (
        manifest_of(load_toml(text, "guide"), "guide") for text in tables
    )
    assert (slice_.artifact, slice_.kind) == ("org.example:greeter:1.0.0", "slice")
    (dependency,) = slice_.dependencies
    assert dependency.slice in shape_of(guide("greeter").Greeter).remotes
    assert (application.kind, application.prefix) == ("app", "/plain")
    assert (classic.kind, classic.prefix, classic.threads) == ("app", "/classic", 16)
    assert interface_of(guide("plain").app, "plain:app", None) == "asgi"
    assert interface_of(guide("classic").app, "classic:app", None) == "wsgi"
    for manifest in (slice_, application, classic):
        module, _, attribute = manifest.entry.partition(":")
        assert hasattr(guide(module), attribute)


async def test_what_the_guide_says_of_kv() -> None:
    kv = MemoryKv()
    version = await kv.put("k", b"1")
    assert await kv.put("k", b"2", version=version) > version
    for stale in (version, 0):
        with pytest.raises(KvConflict):
            await kv.put("k", b"3", version=stale)
    assert await kv.update("k", lambda old: (old or b"") + b"!") == b"2!"
    assert [await kv.delete("k"), await kv.delete("k")] == [True, False]
