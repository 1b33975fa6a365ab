"""Real proxies at the edge follow the routing table, and go on when nobody tells them anything."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from aether.core.dataplane import envoy_listener
from aether.core.dataplane.edge import edge_name
from aether.core.dataplane.haproxy import CONFIG, MAP, Place, plan
from aether.core.dataplane.rows import Endpoint, RouteRow, SlicePolicy
from aether.core.dataplane.table import Table
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.traffic import VersionWeight
from aether.dataplane.edges import Edge, Edges
from aether.dataplane.envoy_files import BOOTSTRAP, EnvoyEdge, EnvoyFiles
from aether.dataplane.haproxy_link import HaproxyLink
from aether.dataplane.streams import end_stream
from aether.tasks import Tasks
from tests.certificates import Authority
from tests.integration.router_rig import (
    BASE,
    POLL_S,
    Message,
    Origin,
    plain,
    read_body,
    read_head,
    until,
)

WAIT_S = 20.0
KINDS = pytest.mark.parametrize("kind", ["haproxy", "envoy"])
N0, N1 = NodeId("n0"), NodeId("n1")
SITE = "site.example.org"
ROUTES = (
    RouteRow(method="GET", pattern="/echo/{x}", slice=BASE),
    RouteRow(method="POST", pattern="/echo/{x}", slice=BASE, attempts=1),
    RouteRow(method="GET", pattern="/secret", slice=BASE, auth="internal"),
)


@dataclass
class World:
    """A proxy, what it is told by, and origins that answer with their names."""

    folder: Path
    port: int
    edge: Edge
    process: "subprocess.Popen[bytes]"
    table: Table
    origins: dict[str, Origin]
    trust: ssl.SSLContext | None = None
    """With it the proxy is spoken to by TLS."""

    async def tell(self, **changes: object) -> None:
        self.table = replace(self.table, revision=self.table.revision + 1, **changes)  # type: ignore[arg-type] # fields of a table
        await self.edge.tell(self.table)

    async def get(self, path: str, method: str = "GET", *lines: str) -> Message:
        name = SITE if self.trust else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.trust, server_hostname=name
        )
        try:
            extra = "".join(f"{line}\r\n" for line in lines)
            text = f"{method} {path} HTTP/1.1\r\nhost: x.test\r\nconnection: close\r\n{extra}\r\n"
            writer.write(text.encode())
            async with asyncio.timeout(WAIT_S):
                answer = await read_head(reader)
                answer.body = await read_body(reader, answer, until_close=True)
            return answer
        finally:
            await end_stream(writer)

    async def shares(self, requests: int = 200) -> Counter[bytes]:
        return Counter([(await self.get("/echo/a")).body for _ in range(requests)])

    async def until_served(self, path: str) -> None:
        async with asyncio.timeout(WAIT_S):
            while True:
                with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                    if (await self.get(path)).status == 200:
                        return
                assert self.process.poll() is None, (self.folder / "log").read_text()
                await asyncio.sleep(POLL_S)

    async def until_shares(self, within: int = 2, **wanted: int) -> None:
        """Ask until, of 100 requests, each name gets as many as wanted, give or take `within`."""
        async with asyncio.timeout(WAIT_S):
            while True:
                found = await self.shares(100)
                if all(
                    abs(found[name.encode()] - count) <= within for name, count in wanted.items()
                ):
                    return


class Site:
    """The certificate of a proxy's port as proxies have it: chain and key in one file."""

    def __init__(self, folder: Path) -> None:
        self.ca = Authority(folder)
        self.pem = folder / "site.pem"
        self.trust = ssl.create_default_context(cafile=str(self.ca.path))
        self.renew()

    def renew(self) -> None:
        """Put another certificate in its place, as a whole."""
        files = self.ca.issue(SITE, spiffe=False)
        fresh = self.pem.with_suffix(".new")
        fresh.write_bytes(files.certificate.read_bytes() + files.key.read_bytes())
        fresh.replace(self.pem)


def endpoint(version: str, number: int, path: Path | None = None, mesh: str = "") -> Endpoint:
    instance = InstanceId(f"{BASE}:{version}/{number}")
    node = N0 if path else N1
    return Endpoint(
        instance=instance, slice=BASE, node=node, socket=str(path) if path else "", mesh=mesh
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ae", dir="/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def origin(folder: Path, name: str) -> Origin:
    async def answer(
        request: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await read_body(reader, request)
        writer.write(plain(name.encode()))

    return await Origin(folder / f"{name}.sock", name, answer).start()


def find(program: str) -> str:
    beside = Path(sys.executable).parent  # where the wheel of Envoy puts it
    found = shutil.which(program) or shutil.which(program, path=f"{beside}:/usr/sbin")
    if not found:
        pytest.skip(f"{program} is not installed")
    return found


@contextlib.asynccontextmanager
async def world(kind: str, folder: Path, site: "Site | None" = None) -> AsyncIterator[World]:
    program, port = find(kind), free_port()
    origins = {name: await origin(folder, name) for name in ("one", "two", "three")}
    instances = (
        endpoint("1.0.0", 0, origins["one"].path),
        endpoint("1.0.0", 1, origins["two"].path),
    )
    table = Table(revision=1, node=N0, routes=ROUTES, instances=instances)
    edge: Edge
    if kind == "haproxy":
        place = Place(
            folder=str(folder),
            runtime=f"{folder}/rt.sock",
            address="127.0.0.1",
            port=port,
            certificate=str(site.pem) if site else "",
        )
        first = plan(table, place)
        (folder / CONFIG).write_text(first.config)
        (folder / MAP).write_text(first.routes)
        edge = HaproxyLink(place, folder / "master.sock")
        command = [program, "-W", "-S", f"{folder}/master.sock", "-f", str(folder / CONFIG)]
    else:
        files = EnvoyFiles(
            envoy_listener.Place(
                folder=str(folder / "envoy"),
                address="127.0.0.1",
                port=port,
                certificate=str(site.pem) if site else "",
            )
        )
        files.write(table)
        edge = EnvoyEdge(files)
        command = [program, "-c", str(folder / "envoy" / BOOTSTRAP), "--concurrency", "1"]
        command += ["--use-dynamic-base-id", "-l", "error"]
    process = start(command, folder / "log")
    made = World(folder, port, edge, process, table, origins, site.trust if site else None)
    try:
        await made.until_served("/echo/a")
        await _until_told(made)
        yield made
    finally:
        end(made.process)
        for each in origins.values():
            await each.kill()


async def _until_told(made: World) -> None:
    """Tell until it is taken: haproxy serves a moment before its master listens."""
    async with asyncio.timeout(WAIT_S):
        while True:
            with contextlib.suppress(OSError):
                return await made.edge.tell(made.table)
            await asyncio.sleep(POLL_S)


def start(command: list[str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as file:
        return subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)


def end(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(WAIT_S)


@KINDS
async def test_a_proxy_serves_the_routes_of_the_table_and_nothing_else(
    kind: str, folder: Path
) -> None:
    async with world(kind, folder) as proxied:
        assert await proxied.shares(40) == {b"one": 20, b"two": 20}
        for path in ("/nope", "/secret", "/echo/_aether", "/echo/%5Faether", "/echo/a/b"):
            assert (await proxied.get(path)).status == 404, path
        await proxied.get("/echo/a", "GET", "x-aether-slice: evil", "x-aether-instance: evil")
        seen = [each for one in proxied.origins.values() for each in one.requests][-1]
        assert "x-aether-slice" not in seen.headers
        named = seen.headers["x-aether-instance"]
        instances = [each.instance for each in proxied.table.instances]
        assert named in instances or named in [edge_name(each) for each in instances]


@KINDS
async def test_weights_and_endpoints_follow_the_table_and_lose_no_request(
    kind: str, folder: Path
) -> None:
    async with world(kind, folder) as proxied:
        failed = Counter[int]()

        async def ask() -> None:
            while True:
                failed[(await proxied.get("/echo/a")).status] += 1

        tasks = Tasks()
        tasks.start("load", ask())
        one, three = proxied.table.instances[0], endpoint("1.1.0", 2, folder / "three.sock")
        weights = (
            VersionWeight(version="1.0.0", weight=3),
            VersionWeight(version="1.1.0", weight=1),
        )
        shifted = (SlicePolicy(slice=BASE, weights=weights),)
        await proxied.tell(instances=(one, three), policies=shifted)
        await proxied.until_shares(within=12, one=75, three=25)  # the load takes turns too
        await proxied.tell(instances=(three,), policies=())
        await proxied.until_shares(one=0, three=100)
        proxied.origins["one"].requests.clear()
        await proxied.tell(routes=(*ROUTES, RouteRow(method="GET", pattern="/new", slice=BASE)))
        await proxied.until_served("/new")
        await tasks.stop()
        assert list(failed) == [200], failed
        assert failed[200] > 100
        assert proxied.origins["one"].requests == []


@KINDS
async def test_a_retry_leaves_a_dead_version_whatever_its_weight(kind: str, folder: Path) -> None:
    async with world(kind, folder) as proxied:
        weights = (
            VersionWeight(version="1.0.0", weight=1),
            VersionWeight(version="1.1.0", weight=1),
        )
        dead = endpoint("1.1.0", 2, folder / "three.sock")
        await proxied.tell(
            instances=(proxied.table.instances[0], dead),
            policies=(SlicePolicy(slice=BASE, weights=weights),),
        )
        await proxied.until_shares(one=50, three=50)
        await proxied.origins["three"].kill()
        answers = [await proxied.get("/echo/a") for _ in range(60)]
        assert {each.status for each in answers} == {200}
        assert {each.body for each in answers} == {b"one"}


@KINDS
async def test_a_name_that_comes_back_at_another_address_is_followed(
    kind: str, folder: Path
) -> None:
    async with world(kind, folder) as proxied:
        await proxied.tell(instances=proxied.table.instances[:1])
        await proxied.until_shares(one=100)
        again = endpoint("1.0.0", 1, folder / "three.sock")
        await proxied.tell(instances=(proxied.table.instances[0], again))
        await proxied.until_shares(one=50, three=50)
        assert await proxied.shares(40) == {b"one": 20, b"three": 20}


async def test_haproxy_that_is_restarted_comes_up_with_what_it_was_told_last(folder: Path) -> None:
    async with world("haproxy", folder) as proxied:
        await proxied.tell(instances=(endpoint("1.0.0", 7, folder / "three.sock"),))
        await proxied.until_shares(three=100)
        end(proxied.process)
        with pytest.raises(OSError):  # noqa: PT011 - refused or gone, by what of it died first
            await proxied.tell(instances=(endpoint("1.0.0", 8, folder / "two.sock"),))
        assert proxied.edge.is_behind
        command = [find("haproxy"), "-W", "-S", f"{folder}/master.sock", "-f", f"{folder}/{CONFIG}"]
        proxied.process = start(command, folder / "log")
        await proxied.until_served("/echo/a")
        edges, tasks = Edges([proxied.edge]), Tasks()
        edges.publish(proxied.table)
        tasks.start("edges", edges.run())
        await proxied.until_shares(two=100)
        await until(lambda: not proxied.edge.is_behind)
        await tasks.stop()


async def curl(proxied: World, site: Site, *options: str) -> list[str]:
    """Ask as curl does, and return the body, the status and the version of HTTP it came by."""
    place = f"{SITE}:{proxied.port}"
    process = await asyncio.create_subprocess_exec(
        find("curl"), "--silent", "--show-error", "--max-time", f"{WAIT_S:g}",
        "--cacert", str(site.ca.path), "--resolve", f"{place}:127.0.0.1",
        "--write-out", " %{http_code} %{http_version}", *options, f"https://{place}/echo/a",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return said.decode().split()


@KINDS
async def test_a_proxy_with_a_certificate_speaks_http_2_to_who_can(kind: str, folder: Path) -> None:
    site = Site(folder)
    async with world(kind, folder, site) as proxied:
        for options, version in ((("--http2",), "2"), (("--http1.1",), "1.1")):
            name, *how = await curl(proxied, site, *options, "-H", "x-forwarded-proto: http")
            assert (name in proxied.origins, how) == (True, ["200", version])
        body = folder / "body"
        body.write_bytes(b"x" * 200_000)
        posted = await curl(proxied, site, "--http2", "--data-binary", f"@{body}")
        assert posted[1:] == ["200", "2"]
        asked = [
            each
            for one in proxied.origins.values()
            for each in one.requests
            if each.headers.get("user-agent", "").startswith("curl/")
        ]
        assert len(asked) == 3
        assert {each.line.rpartition(" ")[2] for each in asked} == {"HTTP/1.1"}
        assert {each.headers["x-forwarded-proto"] for each in asked} == {"https"}


async def test_envoy_takes_a_renewed_certificate_into_use(folder: Path) -> None:
    site = Site(folder)
    async with world("envoy", folder, site) as proxied:
        place = ("127.0.0.1", proxied.port)
        first = await asyncio.to_thread(ssl.get_server_certificate, place)
        site.renew()
        async with asyncio.timeout(WAIT_S):
            while await asyncio.to_thread(ssl.get_server_certificate, place) == first:  # noqa: ASYNC110 - Envoy tells nobody
                await asyncio.sleep(POLL_S)
        assert (await proxied.get("/echo/a")).status == 200
