"""The HTTP side of the shortener."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Protocol

from aether import (
    CallError,
    Config,
    HttpError,
    Kv,
    Request,
    Response,
    Slice,
    call,
    get,
    post,
    remote,
)
from links.addresses import as_location, problem_with
from links.table import LinkTable, NoCodeFree

ASK_CLICKS_S = 0.5
"""Longest that the click counter may hold up an answer."""
TIMEOUT_S = 30.0
"""Of a whole request: longer than `LinkTable` waits for a store that is away, last attempt included."""
DEFAULT_CODE_LENGTH = 7

log = logging.getLogger(__name__)


@remote("org.example:clicks", timeout_s=ASK_CLICKS_S)
class Clicks(Protocol):
    """The slice that counts."""

    @call()
    async def record(self, code: str) -> int:
        """Count one click."""
        ...

    @call(idempotent=True)
    async def total(self, code: str) -> int:
        """Return how often a link was clicked."""
        ...


@dataclass(frozen=True)
class NewLink:
    """What a client sends."""

    url: str


@dataclass(frozen=True)
class Link:
    """A link just made."""

    code: str
    short_url: str
    url: str


@dataclass(frozen=True)
class CountedLink:
    """A link and its clicks; None while nobody can tell how many."""

    code: str
    url: str
    clicks: int | None


class Links(Slice):
    """Makes short links, redirects those who follow them, and has the clicks counted."""

    def __init__(self, kv: Kv, clicks: Clicks, config: Config) -> None:
        self._links = LinkTable(kv, config.get("code_length", DEFAULT_CODE_LENGTH))
        self._clicks = clicks

    @post("/api/v1/urls", timeout=TIMEOUT_S, body_limit=64 * 1024)
    async def shorten(self, body: NewLink, request: Request) -> Response:
        """Make a link."""
        problem = problem_with(body.url)
        if problem is not None:
            raise HttpError(422, f"url: {problem}", errors=[{"field": "url", "message": problem}])
        try:
            code = await self._links.add(body.url)
        except NoCodeFree as full:
            raise HttpError(503, str(full), code="no_code_free") from full
        link = Link(code, f"{request.base_url}/{code}", body.url)
        return Response.json(link, status=201, headers={"location": f"/api/v1/urls/{code}"})

    @get("/{code}", timeout=TIMEOUT_S)
    async def follow(self, code: str) -> Response:
        """Redirect to the address behind a code."""
        url = await self._find(code)
        await self._count(code)
        return Response.redirect(as_location(url))

    @get("/api/v1/urls/{code}", timeout=TIMEOUT_S)
    async def describe(self, code: str) -> CountedLink:
        """Say where a link leads and how often it was followed."""
        url = await self._find(code)
        return CountedLink(code, url, await self._total(code))

    async def _find(self, code: str) -> str:
        url = await self._links.find(code)
        if url is None:
            raise HttpError(404, f"there is no link {code!r}", code="unknown_link")
        return url

    async def _count(self, code: str) -> None:
        """Count a click if that can be done at once: whoever follows a link must not wait for it."""
        try:
            async with asyncio.timeout(ASK_CLICKS_S):
                await self._clicks.record(code)
        except (CallError, TimeoutError) as problem:
            log.warning("click on %s not counted: %s", code, _said(problem))

    async def _total(self, code: str) -> int | None:
        try:
            async with asyncio.timeout(ASK_CLICKS_S):
                return await self._clicks.total(code)
        except (CallError, TimeoutError) as problem:
            log.warning("clicks on %s unknown: %s", code, _said(problem))
            return None


def _said(problem: Exception) -> str:
    return str(problem) or f"no answer within {ASK_CLICKS_S} s"
