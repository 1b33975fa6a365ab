"""Who may connect with TLS, and how each refusal is named on both sides."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from aether.errors import ConfigInvalid
from aether.store.spec import TlsFiles
from tests.certificates import Authority
from tests.integration.links_rig import NODES, Party, met, said_until_hung_up, stranger, until

ONE, TWO, THREE = NODES[:3]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("spiffe", [True, False])
async def test_members_with_certificates_of_one_ca_talk(authority: Authority, spiffe: bool) -> None:
    one = Party(ONE, tls=authority.issue(ONE, spiffe=spiffe))
    two = Party(TWO, tls=authority.issue(TWO, spiffe=spiffe))
    async with one, two:
        await met(one, two)
        for term in range(50):
            one.say(two, term)
        await until(lambda: two.terms(ONE) == list(range(50)))


def problems(said: list[Any], event: str) -> str:
    return " | ".join(
        f"{line['code']}: {line['problem']}" for line in said if line["event"] == event
    )


async def refused(one: Party, two: Party) -> tuple[str, str]:
    """Have `one` dial `two`; return what the dialling and what the accepting side said of it."""
    with capture_logs() as said:
        async with one, two:
            one.dial(two)
            await until(lambda: problems(said, "raft peer cannot be spoken to"))
            await until(lambda: problems(said, "raft connection denied"))
            assert two.heard == []
            assert two.links.hears() == frozenset()
    return (
        problems(said, "raft peer cannot be spoken to"),
        problems(said, "raft connection denied"),
    )


async def test_an_expired_certificate_is_refused(authority: Authority) -> None:
    one = Party(ONE, tls=authority.issue(ONE, expired=True))
    dialling, accepting = await refused(one, Party(TWO, tls=authority.issue(TWO)))
    assert "its certificate is refused: certificate has expired" in accepting
    assert "its log says why" in dialling


async def test_an_expired_server_is_refused(authority: Authority) -> None:
    one = Party(ONE, tls=authority.issue(ONE))
    dialling, accepting = await refused(one, Party(TWO, tls=authority.issue(TWO, expired=True)))
    assert "its certificate is refused: certificate has expired" in dialling
    assert "its log says why" in accepting


async def test_another_ca_is_refused(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    foreign = other.issue(ONE)
    dialling, _ = await refused(Party(ONE, tls=foreign), Party(TWO, tls=authority.issue(TWO)))
    assert "its certificate is refused" in dialling
    trusting = TlsFiles(ca=authority.path, certificate=foreign.certificate, key=foreign.key)
    dialling, accepting = await refused(
        Party(ONE, tls=trusting), Party(TWO, tls=authority.issue(TWO))
    )
    assert "its certificate is refused" in accepting
    assert "its log says why" in dialling


async def test_the_certificate_of_another_node_is_refused(authority: Authority) -> None:
    """Both ways: one that dials under a name that is not its own, and one that answers so."""
    thief = Party(ONE, tls=authority.issue(THREE))
    dialling, accepting = await refused(thief, Party(TWO, tls=authority.issue(TWO)))
    assert "wrong_certificate: the certificate names node-3, not node-1" in accepting
    assert "wrong_certificate: it refuses" in dialling
    with capture_logs() as said:
        one = Party(ONE, tls=authority.issue(ONE))
        async with one, Party(TWO, tls=authority.issue(THREE)) as two:
            one.dial(two)
            await until(lambda: problems(said, "raft peer cannot be spoken to"))
    assert "wrong_certificate: the certificate names node-3, not node-2" in problems(
        said, "raft peer cannot be spoken to"
    )


async def test_a_certificate_that_names_no_node_is_refused(authority: Authority) -> None:
    nameless = authority.issue("somebody@else", spiffe=True)
    one = Party(ONE, tls=nameless)
    dialling, accepting = await refused(one, Party(TWO, tls=authority.issue(TWO)))
    assert "wrong_certificate" in accepting
    assert "wrong_certificate" in dialling


async def test_no_certificate_is_refused(authority: Authority) -> None:
    with capture_logs() as said:
        async with Party(TWO, tls=authority.issue(TWO)) as two:
            context = ssl.create_default_context(cafile=str(authority.path))
            context.check_hostname = False
            reader, writer = await asyncio.open_connection("127.0.0.1", two.links.port, ssl=context)
            assert await said_until_hung_up(reader) == b""
            writer.close()
            await until(lambda: problems(said, "raft connection denied"))
    assert "shows no certificate" in problems(said, "raft connection denied")


async def test_tls_on_one_side_only_is_named(authority: Authority) -> None:
    dialling, accepting = await refused(Party(ONE), Party(TWO, tls=authority.issue(TWO)))
    assert "is its tls ours?" in dialling
    assert "does not speak TLS" in accepting
    dialling, accepting = await refused(Party(ONE, tls=authority.issue(ONE)), Party(TWO))
    assert "tls_unexpected" in accepting
    assert "does not speak TLS" in dialling


async def test_plain_http_on_a_tls_port_is_named(authority: Authority) -> None:
    with capture_logs() as said:
        async with (
            Party(TWO, tls=authority.issue(TWO)) as two,
            stranger(two.links.port) as (
                reader,
                writer,
            ),
        ):
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            await said_until_hung_up(reader)
            await until(lambda: problems(said, "raft connection denied"))
    assert "plain HTTP on a TLS port" in problems(said, "raft connection denied")


async def test_replaced_files_are_used_for_new_connections(authority: Authority) -> None:
    files = authority.issue(ONE, expired=True)
    with capture_logs() as said:
        async with Party(ONE, tls=files) as one, Party(TWO, tls=authority.issue(TWO)) as two:
            one.dial(two)
            await until(lambda: "expired" in problems(said, "raft connection denied"))
            files.key.write_bytes(b"not a key")
            await until(_seen(said, "changed TLS files are not used"))
            assert authority.issue(ONE) == files
            await until(lambda: one.links.connected() == {TWO})


def _seen(said: list[Any], event: str) -> Callable[[], bool]:
    return lambda: any(line["event"] == event for line in said)


def test_files_that_cannot_be_used_are_named(authority: Authority, tmp_path: Path) -> None:
    good = authority.issue(ONE)
    absent = TlsFiles(ca=tmp_path / "no.pem", certificate=good.certificate, key=good.key)
    broken = TlsFiles(ca=good.ca, certificate=good.certificate, key=good.ca)
    for files, named in ((absent, "no.pem"), (broken, good.certificate.name)):
        with pytest.raises(ConfigInvalid, match=named):
            Party(ONE, tls=files)
