"""The shortener's HTTP side, with the counter beside it, away, slow and broken."""

import asyncio
import json
import logging
import time
from typing import Any

import pytest

from aether.sdk import CallError, CallFailed, CallTimedOut, CallUnavailable, Response, Slice
from aether.sdk.memory import MemoryKv
from tests.example_slices import LocalCaller, ask, import_example, make_clicks, make_links

URL = "https://example.org/some/where?a=b#c"
slice_module = import_example("links.slice")


def read(answer: Response) -> Any:
    assert isinstance(answer.body, bytes)
    return json.loads(answer.body)


async def shorten(links: Slice, url: str = URL, **headers: str) -> Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await ask(links, "POST", "/api/v1/urls", json.dumps({"url": url}).encode(), sent or None)


def together() -> Slice:
    return make_links(LocalCaller({"org.example:clicks": make_clicks()}))


async def test_a_link_is_made() -> None:
    answer = await shorten(together())
    link = read(answer)
    assert answer.status == 201
    assert link == {
        "code": link["code"],
        "short_url": f"http://example.org/{link['code']}",
        "url": URL,
    }
    assert len(link["code"]) == 7
    assert dict(answer.headers)["location"] == f"/api/v1/urls/{link['code']}"
    assert dict(answer.headers)["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({"host": "go.example:8071"}, "http://go.example:8071"),
        ({"host": "inner:80", "x_forwarded_host": "go.example"}, "http://go.example"),
        (
            {"host": "inner", "x_forwarded_host": "go.example", "x_forwarded_proto": "https"},
            "https://go.example",
        ),
        (
            {"x_forwarded_host": "a.example, b.example", "x_forwarded_proto": "https, http"},
            "https://a.example",
        ),
    ],
)
async def test_the_short_url_begins_as_the_client_wrote_it(
    headers: dict[str, str], base: str
) -> None:
    link = read(await shorten(together(), **headers))
    assert link["short_url"] == f"{base}/{link['code']}"


async def test_a_link_redirects_and_its_clicks_are_counted() -> None:
    links = together()
    code = read(await shorten(links))["code"]
    for _ in range(3):
        answer = await ask(links, "GET", f"/{code}")
        assert (answer.status, dict(answer.headers)["location"]) == (302, URL)
    described = await ask(links, "GET", f"/api/v1/urls/{code}")
    assert (described.status, read(described)) == (200, {"code": code, "url": URL, "clicks": 3})


async def test_instances_share_their_links() -> None:
    kv, caller = MemoryKv(), LocalCaller({"org.example:clicks": make_clicks()})
    one, other = make_links(caller, kv), make_links(caller, kv)
    code = read(await shorten(one))["code"]
    assert (await ask(other, "GET", f"/{code}")).status == 302


async def test_code_length_comes_from_the_blueprint() -> None:
    links = make_links(LocalCaller({}), code_length=12)
    assert len(read(await shorten(links))["code"]) == 12
    with pytest.raises(ValueError, match="code_length"):
        make_links(LocalCaller({}), code_length=2)


@pytest.mark.parametrize("path", ["/nosuch1", "/api/v1/urls/nosuch1", "/favicon.ico"])
async def test_an_unknown_code_is_a_404_that_names_it(path: str) -> None:
    answer = await ask(together(), "GET", path)
    assert answer.status == 404
    problem = read(answer)
    assert problem["code"] == "unknown_link"
    assert path.rpartition("/")[2] in problem["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"url": "not a url"}',
        b'{"url": "ftp://example.org"}',
        b'{"url": "https://"}',
        b'{"url": 5}',
        b'{"url": null}',
        b"{}",
        json.dumps({"url": "https://example.org/" + "x" * 2048}).encode(),
    ],
)
async def test_what_is_no_address_is_a_422_that_names_the_field(body: bytes) -> None:
    kv = MemoryKv()
    answer = await ask(make_links(LocalCaller({}), kv), "POST", "/api/v1/urls", body)
    assert answer.status == 422
    problem = read(answer)
    assert [error["field"] for error in problem["errors"]] == ["url"]
    assert problem["detail"].startswith("url: ")
    assert await kv.range() == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"https://example.org"'])
async def test_a_body_that_is_no_object_is_a_422(body: bytes) -> None:
    answer = await ask(together(), "POST", "/api/v1/urls", body)
    assert (answer.status, read(answer)["code"]) == (422, "invalid")


async def test_an_address_beyond_ascii_is_kept_and_redirected_to() -> None:
    links = together()
    link = read(await shorten(links, "https://example.org/grüße"))
    assert link["url"] == "https://example.org/grüße"
    answer = await ask(links, "GET", f"/{link['code']}")
    assert dict(answer.headers)["location"] == "https://example.org/gr%C3%BC%C3%9Fe"


class BrokenCaller:
    def __init__(self, failure: CallError) -> None:
        self.failure = failure

    async def call(self, *_: object, **__: object) -> bytes:
        raise self.failure


@pytest.mark.parametrize("kind", [CallUnavailable, CallTimedOut, CallFailed])
async def test_a_counter_that_fails_costs_the_count_and_nothing_else(
    kind: type[CallError], caplog: pytest.LogCaptureFixture
) -> None:
    links = make_links(BrokenCaller(kind("org.example:clicks", "record", "for a reason")))
    code = read(await shorten(links))["code"]
    with caplog.at_level(logging.WARNING):
        answer = await ask(links, "GET", f"/{code}")
    assert (answer.status, dict(answer.headers)["location"]) == (302, URL)
    assert code in caplog.text
    assert "for a reason" in caplog.text
    described = await ask(links, "GET", f"/api/v1/urls/{code}")
    assert (described.status, read(described)["clicks"]) == (200, None)


async def test_a_counter_that_hangs_holds_nobody_up_for_longer_than_its_deadline(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class HangingCaller:
        async def call(self, *_: object, **__: object) -> bytes:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(slice_module, "ASK_CLICKS_S", 0.05)
    links = make_links(HangingCaller())
    code = read(await shorten(links))["code"]
    began = time.monotonic()
    assert (await ask(links, "GET", f"/{code}")).status == 302
    assert read(await ask(links, "GET", f"/api/v1/urls/{code}"))["clicks"] is None
    assert time.monotonic() - began < 2.0
    assert "0.05 s" in caplog.text


async def test_a_client_that_leaves_is_not_mistaken_for_a_slow_counter() -> None:
    reached = asyncio.Event()

    class WaitingCaller:
        async def call(self, *_: object, **__: object) -> bytes:
            reached.set()
            await asyncio.Event().wait()
            raise AssertionError

    links = make_links(WaitingCaller())
    code = read(await shorten(links))["code"]
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(ask(links, "GET", f"/{code}"))
        await asyncio.wait_for(reached.wait(), 5)
        asked.cancel()
    assert asked.cancelled()


async def test_asking_for_a_total_may_be_repeated_but_counting_may_not() -> None:
    caller = LocalCaller({"org.example:clicks": make_clicks()})
    links = make_links(caller)
    code = read(await shorten(links))["code"]
    await ask(links, "GET", f"/{code}")
    await ask(links, "GET", f"/api/v1/urls/{code}")
    assert caller.calls == [
        ("org.example:clicks", "record", False),
        ("org.example:clicks", "total", True),
    ]


async def test_when_codes_run_out_the_client_is_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(import_example("links.table").secrets, "choice", lambda _alphabet: "a")
    links = together()
    assert (await shorten(links)).status == 201
    answer = await shorten(links)
    assert (answer.status, read(answer)["code"]) == (503, "no_code_free")
