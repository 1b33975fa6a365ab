"""TLS on the public port of a router: names, reload, bounds, and those who do not speak it."""

import asyncio
import contextlib
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId
from aether.dataplane.certificates import BadCertificate
from aether.dataplane.limits import Limits
from aether.dataplane.listeners import Places
from aether.dataplane.router import Router
from aether.dataplane.settings import Certificate, RouterSettings
from aether.dataplane.table_file import write_table
from aether.store.spec import TlsFiles
from tests.certificates import Authority
from tests.integration.router_rig import (
    WAIT_S,
    Message,
    Rig,
    Wire,
    head,
    local,
    read_head,
    row,
    until,
)

SHOP, BLOG = "shop.example.org", "*.blog.example.org"


class TlsRouter:
    """A router with two certificates, and clients that trust their CA."""

    def __init__(self, folder: Path) -> None:
        self.ca = Authority(folder)
        self.shop = self.ca.issue(SHOP, spiffe=False, stem="shop")
        self.blog = self.ca.issue(BLOG, spiffe=False, stem="blog")
        self.places = Places(data_dir=folder)
        certificates = tuple(
            Certificate(cert=str(each.certificate), key=str(each.key))
            for each in (self.shop, self.blog)
        )
        self.settings = RouterSettings(
            node="node-1",
            port=0,
            mesh_port=0,
            certificates=certificates,
            handshake_s=1.0,
            handshakes=4,
        )
        self.router = Router(self.places, self.settings, Limits(drain_s=0.2))

    @property
    def public(self) -> str:
        return self.router.addresses["public"]

    @contextlib.asynccontextmanager
    async def client(
        self, name: str, version: ssl.TLSVersion | None = None
    ) -> AsyncIterator[tuple[Wire, ssl.SSLObject]]:
        """Connect as a client that asks for `name`, and believes no other."""
        trust = ssl.create_default_context(cafile=str(self.ca.path))
        trust.set_alpn_protocols(["h2", "http/1.1"])
        if version is not None:
            trust.maximum_version = version
        host, _, port = self.public.rpartition(":")
        async with asyncio.timeout(WAIT_S):
            reader, writer = await asyncio.open_connection(
                host, int(port), ssl=trust, server_hostname=name
            )
        try:
            yield Wire(reader, writer), writer.get_extra_info("ssl_object")
        finally:
            writer.transport.abort()

    async def get(self, name: str) -> Message:
        async with self.client(name) as (wire, _):
            return await wire.get("/")

    def health(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.router.health()["tls"])

    async def shown(self, name: str) -> bytes:
        """Return the certificate shown to whoever asks for `name`."""
        async with self.client(name) as (_, tls):
            return tls.getpeercert(binary_form=True) or b""


@pytest.fixture
async def tls(rig: Rig) -> AsyncIterator[TlsRouter]:
    made = TlsRouter(rig.folder)
    endpoint = local("node-1", await rig.origin("a"))
    table = Table(revision=1, node=NodeId("node-1"), routes=(row(),), instances=(endpoint,))
    write_table(made.places.table_file, table)
    await made.router.start()
    await made.router.relieve()
    yield made
    await made.router.stop()


async def test_each_host_is_shown_its_certificate(tls: TlsRouter) -> None:
    async with tls.client(SHOP) as (wire, connection):
        answer = await wire.get("/")
        assert answer.status == 200
        assert answer.json()["headers"]["x-forwarded-proto"] == "https"
        assert connection.selected_alpn_protocol() == "http/1.1"
        assert connection.version() == "TLSv1.3"
    assert (await tls.get("dogs.blog.example.org")).status == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        await tls.get("elsewhere.example.org")
    async with tls.client(SHOP, ssl.TLSVersion.TLSv1_2) as (wire, connection):
        assert (await wire.get("/")).status == 200
        assert connection.version() == "TLSv1.2"
    assert tls.health()["certificates"] == [[SHOP], [BLOG]]


async def test_a_changed_certificate_is_used_and_a_broken_one_is_not(tls: TlsRouter) -> None:
    first = await tls.shown(SHOP)
    async with tls.client(SHOP) as (kept, _):
        replace(tls.ca.issue(SHOP, spiffe=False, stem="shop2"), tls.shop)
        second = await _changed(tls, first)
        assert (await kept.get("/")).status == 200, "connections there are stay as they are"
    tls.shop.key.write_text("no key at all")
    await until(lambda: tls.health()["problem"])
    problem = tls.health()["problem"]
    assert str(tls.shop.key) in problem
    assert await tls.shown(SHOP) == second
    assert (await tls.get(SHOP)).status == 200
    replace(tls.ca.issue(SHOP, spiffe=False, stem="shop3"), tls.shop)
    await _changed(tls, second)
    assert tls.health()["problem"] == ""


async def test_a_router_that_cannot_read_its_certificate_leaves_the_one_before_serving(
    tls: TlsRouter,
) -> None:
    tls.shop.certificate.write_text("nothing")
    successor = Router(tls.places, tls.settings)
    with pytest.raises(BadCertificate, match=r"certificate .*shop"):
        await successor.start()
    await successor.stop()
    assert (await tls.get("dogs.blog.example.org")).status == 200


async def test_plain_http_is_told_to_use_tls(tls: TlsRouter) -> None:
    async with Wire.to(tls.public) as wire:
        answer = await wire.ask(head("/"))
        assert (answer.status, answer.json()["code"]) == (400, "bad_request")
        assert "https://" in answer.json()["detail"]
        assert await wire.is_closed()


async def test_silent_clients_are_cut_off_and_keep_nobody_out(tls: TlsRouter) -> None:
    host, _, port = tls.public.rpartition(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(20)]
    try:
        for each in silent[:10]:
            each.sendall(b"\x16\x03\x01\x02\x00\x01")  # begins a handshake and stops
        assert (await tls.get(SHOP)).status == 200
        for each in silent:
            each.settimeout(WAIT_S)
            with contextlib.suppress(ConnectionError):
                assert await asyncio.to_thread(each.recv, 100) == b""
        await until(lambda: tls.health()["failed_handshakes"]["public"] == 20)
    finally:
        for each in silent:
            each.close()


async def test_a_large_body_flows_both_ways_by_tls(rig: Rig, tls: TlsRouter) -> None:
    async with tls.client(SHOP) as (wire, _):
        size = 3_000_000
        wire.writer.write(head("/", f"Content-Length: {size}", method="POST").encode())
        wire.writer.write(b"x" * size)
        async with asyncio.timeout(WAIT_S):
            answer = await read_head(wire.reader)
            body = await wire.reader.readexactly(int(answer.headers["content-length"]))
        assert answer.status == 200
        assert len(body) > size


def replace(source: TlsFiles, target: TlsFiles) -> None:
    """Put the files of one pair in the place of another, as renewal does."""
    shutil.move(source.key, target.key)
    shutil.move(source.certificate, target.certificate)


async def _changed(tls: TlsRouter, before: bytes) -> bytes:
    shown = before
    async with asyncio.timeout(WAIT_S):
        while shown == before:
            shown = await tls.shown(SHOP)
    return shown
