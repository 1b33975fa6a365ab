"""What one client may do to a store process: ask anything, and harm nobody."""

import asyncio
import os
import pickle
import struct
import zlib
from collections.abc import AsyncIterator

import psutil
import pytest

from aether.core.store.codec import decode_result, encode_command
from aether.core.store.commands import Applied, Delete, DeletePrefix, Put, Refused, Txn
from aether.store.process.connection import MOST_GROUP_REQUESTS
from aether.store.protocol import (
    MAX_REQUEST_BYTES,
    AddMember,
    AskStatus,
    Batch,
    Done,
    Failed,
    Follow,
    Found,
    Get,
    Hello,
    List,
    Progress,
    RemoveMember,
    Shape,
    Status,
    Submit,
    Transfer,
    Unfollow,
)
from tests.integration.contracts.store import REASON, put
from tests.integration.store_rig import Raw, Rig, rig


@pytest.fixture
async def served() -> AsyncIterator[Rig]:
    async with rig() as made:
        yield made


def command(key: str, value: bytes = b"v") -> bytes:
    return encode_command(put(key, value))


async def greeted(raw: Raw) -> None:
    assert isinstance(await raw.next(), Hello)
    assert isinstance(await raw.next(), Shape)


async def test_requests_are_pipelined_and_answered_under_their_ids(served: Rig) -> None:
    async with served.raw() as raw:
        await greeted(raw)
        raw.ask(*(Submit(number, 5000, command(f"k/{number % 10}")) for number in range(100)))
        answers = {answer.id: answer for answer in [await raw.next() for _ in range(100)]}  # type: ignore[union-attr] # asserted below
        assert all(isinstance(answer, Done) for answer in answers.values())
        raw.ask(Get(200, 5000, True, "k/3"), Get(201, 5000, False, "nothing"))
        raw.ask(List(202, 5000, True, "k/", "k/8", 1))
        reads = {answer.id: answer for answer in [await raw.next() for _ in range(3)]}  # type: ignore[union-attr] # asserted below
    found = {number: reads[number] for number in (200, 201, 202)}
    assert [len(a.entries) if isinstance(a, Found) else a for a in found.values()] == [1, 0, 1]
    assert isinstance(found[202], Found)
    assert found[202].more


async def test_commands_that_are_none_are_refused_by_the_machine_and_harm_nobody(
    served: Rig,
) -> None:
    async with served.raw() as raw:
        await greeted(raw)
        for number, data in enumerate(
            (b"", b"\xff" * 50, pickle.dumps({"a": 1}), zlib.compress(b"x"))
        ):
            raw.ask(Submit(number, 1000, data))
            answer = await raw.next()
            assert isinstance(answer, Done)
            assert isinstance(decode_result(answer.data), Refused)
        raw.ask(Submit(9, 1000, command("k")))
        answer = await raw.next()
        assert isinstance(answer, Done)
        assert isinstance(decode_result(answer.data), Applied)


async def test_requests_over_a_limit_are_named(served: Rig) -> None:
    async with served.raw() as raw:
        await greeted(raw)
        raw.ask(
            Get(1, 10, False, ""), Get(2, 10, False, "k" * 1025), List(3, 10, False, "k" * 1025)
        )
        raw.ask(List(4, 10, False, "", revision=99), RemoveMember(5, 10, "Not A Node"))
        codes = [
            answer.code
            for answer in [await raw.next() for _ in range(5)]
            if isinstance(answer, Failed)
        ]
    assert codes == ["invalid", "too_large", "too_large", "invalid", "invalid"]


class Marker:
    """Would write a file if anybody unpickled it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.path,)


async def test_hostile_bytes_end_their_connection_and_nothing_else(served: Rig) -> None:
    marker = served.path.parent / "executed"
    framed = pickle.dumps(Marker(str(marker)))
    hostile = [
        os.urandom(4096),
        framed,
        struct.pack(">I", len(framed)) + framed,
        struct.pack(">I", 2**31),
        struct.pack(">I", MAX_REQUEST_BYTES + 1),
        zlib.compress(bytes(100_000_000)),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ]
    before = psutil.Process().memory_info().rss
    async with served.client() as store:
        for data in hostile:
            async with served.raw() as raw:
                raw.writer.write(data)
                assert await raw.is_closed()
        assert isinstance(await store.txn(put("k")), Applied)
    assert not marker.exists()
    assert psutil.Process().memory_info().rss - before < 16 * 1024 * 1024


async def test_incomplete_frames_may_not_fill_the_memory(served: Rig) -> None:
    assert served.server is not None
    served.server._served.most_partial_bytes = 1_000_000
    async with served.raw() as one, served.raw() as two:
        await greeted(one)
        await greeted(two)
        for raw in (one, two):
            raw.writer.write(struct.pack(">I", 4_000_000) + bytes(600_000))
        await two.writer.drain()
        assert await asyncio.wait_for(two.is_closed(), 5)


async def test_too_many_clients_are_turned_away(served: Rig) -> None:
    async with served.raw() as a, served.raw() as b, served.raw() as c, served.raw() as d:
        for raw in (a, b, c, d):
            await greeted(raw)
        async with served.raw() as one_more:
            assert await one_more.is_closed()
        a.ask(AskStatus(1))
        assert isinstance(await a.next(), Status)


async def test_a_watch_is_told_in_order_until_it_is_cancelled(served: Rig) -> None:
    async with served.raw() as raw:
        await greeted(raw)
        raw.ask(Follow(1, "w/"))
        assert await raw.next() == Progress(1, 0)
        raw.ask(Submit(2, 1000, command("w/1")), Submit(3, 1000, command("other")))
        batch, *done = [await raw.next() for _ in range(3)]
        assert isinstance(batch, Batch)
        assert [change.key for change in batch.changes] == ["w/1"]
        assert all(isinstance(answer, Done) for answer in done)
        raw.ask(Follow(1, "twice"), Unfollow(1), Submit(4, 1000, command("w/2")))
        refused, answered = await raw.next(), await raw.next()
        assert isinstance(refused, Failed)
        assert isinstance(answered, Done)


async def test_an_eager_watch_hears_of_every_revision_before_its_answer(served: Rig) -> None:
    async with served.raw() as raw:
        await greeted(raw)
        raw.ask(Follow(1, "", None, "app/", eager=True))
        assert await raw.next() == Progress(1, 0)
        raw.ask(Submit(2, 1000, command("app/x:y/1")))
        said = [await raw.next(), await raw.next()]
        assert Progress(1, 1) in said


async def test_a_client_that_takes_nothing_is_cut_off_by_name(served: Rig) -> None:
    async with served.raw() as slow, served.client() as store:
        await greeted(slow)
        slow.ask(Follow(1, ""))
        assert isinstance(await slow.next(), Progress)
        slow.writer.transport.pause_reading()  # type: ignore[attr-defined] # a read transport too
        for _ in range(40):
            await asyncio.gather(*(store.txn(put(f"k/{n}", bytes(4096)), 10) for n in range(64)))
        slow.writer.transport.resume_reading()  # type: ignore[attr-defined] # as above
        last = await slow.next()
        while isinstance(last, Batch | Progress):
            last = await slow.next()
    assert isinstance(last, Failed)
    assert last.code == "compacted"
    assert "behind" in last.message


async def test_the_group_is_asked_and_its_refusals_are_told(served: Rig) -> None:
    async with served.raw() as raw:
        await greeted(raw)
        raw.ask(AddMember(1, 1000, "node-2", "127.0.0.1:6102", voter=True), Transfer(2, 1000, None))
        answers = [await raw.next() for _ in range(2)]
        answers = [answer for answer in answers if not isinstance(answer, Shape)]
    assert all(isinstance(answer, Done | Failed) for answer in answers)


async def test_all_keys_but_those_left_out(served: Rig) -> None:
    txn = Txn(
        (Put("a", b""), Put("app/x/1", b""), Put("app/x/2", b""), Put("app0", b""), Put("z", b"")),
        REASON,
    )
    many = Txn(tuple(Put(f"app/y/{n}", b"") for n in range(512)), REASON)
    async with served.client() as store:
        await store.txn(txn)
        await store.txn(many)
        await store.txn(Txn((DeletePrefix("app/x/1"), Delete("nothing")), REASON))
        assert [e.key for e in store.level(["a0", "b", "z"]).entries] == ["z"]
    async with served.raw() as raw:
        await greeted(raw)
        raw.ask(List(1, 10, False, "", without="app/"))
        found = await raw.next()
    assert isinstance(found, Found)
    assert [entry.key for entry in found.entries] == ["a", "app0", "z"]


async def test_a_flood_of_questions_about_the_group_is_refused_not_collected(served: Rig) -> None:
    async with served.raw() as raw:
        await greeted(raw)
        raw.ask(*(AskStatus(number) for number in range(5000)))
        answers = [await raw.next() for _ in range(5000)]
        busy = [answer for answer in answers if isinstance(answer, Failed)]
        assert {answer.code for answer in busy} == {"busy"}
        assert sum(isinstance(answer, Status) for answer in answers) >= MOST_GROUP_REQUESTS
        raw.ask(AskStatus(9999))
        assert isinstance(await raw.next(), Status)
