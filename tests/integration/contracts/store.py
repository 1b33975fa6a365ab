"""What every store must do, whatever consensus stands behind it.

A test module subclasses `StoreContract` and fills the fixture `stores` with the stores of one
cluster of at least one member.
"""

import asyncio
import time
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from aether.core.model.reason import Reason
from aether.core.store.commands import (
    Applied,
    Changes,
    Consistency,
    Delete,
    DeletePrefix,
    Guard,
    Put,
    Refused,
    Txn,
)
from aether.errors import Conflict, Invalid, NotFound, TooLarge
from aether.store.client import KvStore
from aether.store.remote.store import RemoteStore
from aether.store.watch import Watch

AnyStore = KvStore | RemoteStore

REASON = Reason("test:contract", "contract", "asked by a test", {"why": "contract"})
WAIT_S = 10.0
POLL_S = 0.01


def put(key: str, value: bytes = b"v", *guards: Guard, request_id: str = "") -> Txn:
    return Txn((Put(key, value),), REASON, guards=guards, request_id=request_id)


async def take(watch: Watch, count: int) -> list[Changes]:
    async with asyncio.timeout(WAIT_S):
        return [await anext(watch) for _ in range(count)]


async def seen(store: AnyStore, revision: int) -> None:
    """Wait until a member has applied `revision`."""
    async with asyncio.timeout(WAIT_S):
        while store.revision < revision:  # noqa: ASYNC110 - the port announces no revision
            await asyncio.sleep(POLL_S)


class StoreContract:
    async def test_a_write_is_read_on_every_member(self, stores: Sequence[AnyStore]) -> None:
        for number, store in enumerate(stores):
            outcome = await store.txn(put(f"a/{number}", b"%d" % number), WAIT_S)
            assert isinstance(outcome, Applied)
            for reader in stores:
                entry = await reader.get(f"a/{number}")
                assert entry is not None
                assert (entry.value, entry.version) == (b"%d" % number, 1)
                assert entry.mod_revision == entry.create_revision == outcome.revision

    async def test_versions_and_revisions_count_changes(self, stores: Sequence[AnyStore]) -> None:
        first = await stores[0].txn(put("k", b"1"), WAIT_S)
        second = await stores[-1].txn(put("k", b"2"), WAIT_S)
        entry = await stores[0].get("k")
        assert entry is not None
        assert entry.create_revision == first.revision
        assert entry.mod_revision == second.revision == first.revision + 1
        assert entry.version == 2

    async def test_a_guard_that_fails_refuses_all(self, stores: Sequence[AnyStore]) -> None:
        await stores[0].txn(put("held"), WAIT_S)
        absent = Guard("held", 0)
        txn = Txn((Put("held", b"new"), Put("other", b"x")), REASON, guards=(absent,))
        outcome = await stores[-1].txn(txn, WAIT_S)
        assert isinstance(outcome, Refused)
        assert outcome.failed == (absent,)
        assert await stores[0].get("other") is None

    async def test_otherwise_is_done_when_a_guard_fails(self, stores: Sequence[AnyStore]) -> None:
        txn = Txn(
            (Put("then", b""),),
            REASON,
            guards=(Guard("nobody", 7),),
            otherwise=(Put("otherwise", b"done"),),
        )
        assert isinstance(await stores[0].txn(txn, WAIT_S), Refused)
        assert await stores[-1].get("then") is None
        assert await stores[-1].get("otherwise") is not None

    async def test_deletes_count_what_they_removed(self, stores: Sequence[AnyStore]) -> None:
        for key in ("d/1", "d/2", "e"):
            await stores[0].txn(put(key), WAIT_S)
        gone = await stores[-1].txn(Txn((DeletePrefix("d/"), Delete("nothing")), REASON), WAIT_S)
        assert gone == Applied(stores[-1].revision, deleted=2)
        assert [e.key for e in (await stores[0].range("")).entries] == ["e"]

    async def test_ranges_are_sorted_limited_and_resumed(self, stores: Sequence[AnyStore]) -> None:
        for key in ("r/c", "r/a", "s", "r/b"):
            await stores[0].txn(put(key), WAIT_S)
        page = await stores[-1].range("r/", limit=2)
        assert [entry.key for entry in page.entries] == ["r/a", "r/b"]
        assert page.more
        rest = await stores[-1].range("r/", start="r/b\x00")
        assert [entry.key for entry in rest.entries] == ["r/c"]
        assert not rest.more

    async def test_the_same_request_id_applies_once(self, stores: Sequence[AnyStore]) -> None:
        first = await stores[0].txn(put("once", b"1", request_id="request-1"), WAIT_S)
        again = await stores[-1].txn(put("once", b"1", request_id="request-1"), WAIT_S)
        assert first == again
        entry = await stores[0].get("once")
        assert entry is not None
        assert entry.version == 1

    async def test_writers_of_one_guard_have_one_winner(self, stores: Sequence[AnyStore]) -> None:
        outcomes = await asyncio.gather(
            *(
                stores[n % len(stores)].txn(put("lock", b"%d" % n, Guard("lock", 0)), WAIT_S)
                for n in range(12)
            )
        )
        assert sum(isinstance(outcome, Applied) for outcome in outcomes) == 1

    async def test_stale_reads_and_levels_need_no_quorum(self, stores: Sequence[AnyStore]) -> None:
        outcome = await stores[0].txn(put("l/1"), WAIT_S)
        await stores[0].txn(put("m/1"), WAIT_S)
        await seen(stores[-1], outcome.revision + 1)
        stale = await stores[-1].get("l/1", consistency=Consistency.STALE)
        assert stale is not None
        level = stores[-1].level(["m/", "l/", "l/1"])
        assert [entry.key for entry in level.entries] == ["l/1", "m/1"]
        assert level.revision == stores[-1].revision

    async def test_a_level_is_as_fresh_as_the_read_before_it(
        self, stores: Sequence[AnyStore]
    ) -> None:
        for number in range(20):
            outcome = await stores[0].txn(put(f"f/{number:02}"), WAIT_S)
            assert await stores[-1].get("f/none") is None
            level = stores[-1].level(("f/",))
            assert [entry.key for entry in level.entries][number:] == [f"f/{number:02}"]
            assert level.revision >= outcome.revision

    async def test_a_level_nothing_changed_below_is_the_very_same(
        self, stores: Sequence[AnyStore]
    ) -> None:
        await stores[0].txn(put("s/1"), WAIT_S)
        assert await stores[-1].get("s/1") is not None
        before = stores[-1].level(("s/",))
        for key in ("t/1", "app/s"):
            outcome = await stores[0].txn(put(key), WAIT_S)
            await seen(stores[-1], outcome.revision)
        after = stores[-1].level(("s/",))
        assert after.revision > before.revision
        assert after.entries is before.entries
        outcome = await stores[0].txn(put("s/1"), WAIT_S)
        await seen(stores[-1], outcome.revision)
        assert stores[-1].level(("s/",)).entries[0].version == 2

    async def test_a_watch_sees_every_change_in_order(self, stores: Sequence[AnyStore]) -> None:
        watch = stores[-1].watch("w/")
        for number in range(20):
            await stores[number % len(stores)].txn(put(f"w/{number % 3}", b"%d" % number), WAIT_S)
            await stores[0].txn(put(f"unwatched/{number}"), WAIT_S)
        batches = await take(watch, 20)
        values = [c.entry.value for b in batches for c in b.changes if c.entry is not None]
        assert values == [b"%d" % number for number in range(20)]
        assert all(replace(batch.reason, at_ms=0) == REASON for batch in batches)
        assert all(abs(batch.reason.at_ms / 1000 - time.time()) < 60 for batch in batches)
        assert [b.revision for b in batches] == sorted({b.revision for b in batches})

    async def test_a_watch_leaves_out_what_it_is_told_to(self, stores: Sequence[AnyStore]) -> None:
        first = await stores[0].txn(put("l/1"), WAIT_S)
        watch = stores[-1].watch("", after_revision=first.revision, without="app/")
        mixed = (Put("app/x", b"1"), Put("l/2", b"2"))
        await stores[0].txn(put("app/l"), WAIT_S)
        await stores[0].txn(Txn(mixed, REASON), WAIT_S)
        both = stores[-1].watch("", after_revision=first.revision)
        (batch,) = await take(watch, 1)
        assert [change.key for change in batch.changes] == ["l/2"]
        assert [change.key for b in await take(both, 2) for change in b.changes] == [
            *("app/l", "app/x", "l/2")
        ]

    async def test_a_watch_shows_deletes(self, stores: Sequence[AnyStore]) -> None:
        outcome = await stores[0].txn(put("x/1"), WAIT_S)
        watch = stores[0].watch("x/", after_revision=outcome.revision)
        await stores[-1].txn(Txn((Delete("x/1"),), REASON), WAIT_S)
        (batch,) = await take(watch, 1)
        assert [(change.key, change.entry) for change in batch.changes] == [("x/1", None)]

    async def test_a_watch_resumes_after_a_revision(self, stores: Sequence[AnyStore]) -> None:
        first = await stores[0].txn(put("h/1"), WAIT_S)
        second = await stores[0].txn(put("h/2"), WAIT_S)
        watch = stores[0].watch("h/", after_revision=first.revision)
        third = await stores[0].txn(put("h/3"), WAIT_S)
        batches = await take(watch, 2)
        assert [batch.revision for batch in batches] == [second.revision, third.revision]

    async def test_a_slow_watcher_is_cut_off(self, stores: Sequence[AnyStore]) -> None:
        slow = stores[0].watch("")
        await asyncio.gather(*(stores[0].txn(put(f"f/{n}"), 30) for n in range(1100)))
        with pytest.raises(Conflict) as cut_off:
            await anext(slow)
        assert cut_off.value.code == "compacted"

    async def test_limits_are_named(self, stores: Sequence[AnyStore]) -> None:
        revision = stores[0].revision
        with pytest.raises(TooLarge, match="big"):
            await stores[0].txn(put("big", bytes(1024 * 1024 + 1)))
        with pytest.raises(TooLarge, match="1024"):
            await stores[0].get("k" * 1025)
        with pytest.raises(TooLarge, match="512"):
            await stores[0].txn(Txn((Delete("a"),) * 513, REASON))
        operations = tuple(Put(f"big/{n}", bytes(1024 * 1024)) for n in range(5))
        with pytest.raises(TooLarge, match="split"):
            await stores[0].txn(Txn(operations, REASON))
        with pytest.raises(Invalid, match="empty key"):
            await stores[0].txn(put(""))
        with pytest.raises(Invalid, match="surrogate"):
            await stores[0].txn(put("\ud800"))
        assert stores[0].revision == revision

    async def test_large_values_of_every_byte_are_kept(self, stores: Sequence[AnyStore]) -> None:
        value = bytes(range(256)) * 4096
        operations = tuple(Put(f"large/{n}", value) for n in range(3))
        assert isinstance(await stores[-1].txn(Txn(operations, REASON), WAIT_S), Applied)
        entry = await stores[0].get("large/2")
        assert entry is not None
        assert entry.value == value

    async def test_the_past_can_be_read(self, stores: Sequence[AnyStore]) -> None:
        before = await stores[0].txn(put("p/1", b"old"), WAIT_S)
        await stores[0].txn(Txn((Put("p/1", b"new"), Put("p/2", b"")), REASON), WAIT_S)
        past = await stores[-1].range("p/", revision=before.revision)
        assert [(entry.key, entry.value) for entry in past.entries] == [("p/1", b"old")]
        assert past.revision == before.revision
        with pytest.raises(Invalid, match="still to come"):
            await stores[0].range("p/", revision=before.revision + 1000)

    async def test_keys_go_with_their_lease(self, stores: Sequence[AnyStore]) -> None:
        lease = await stores[0].grant(60.0, WAIT_S)
        kept = Txn((Put("leased/1", b"v", lease), Put("free", b"v")), REASON)
        assert isinstance(await stores[0].txn(kept, WAIT_S), Applied)
        assert 0 < await stores[-1].renew(lease, WAIT_S) <= 60.0
        await stores[-1].revoke(lease, WAIT_S)
        assert await stores[0].get("leased/1") is None
        assert await stores[0].get("free") is not None
        await stores[0].revoke(lease, WAIT_S)
        with pytest.raises(NotFound, match=str(lease)):
            await stores[0].renew(lease, WAIT_S)

    async def test_a_lease_that_is_not_renewed_ends(self, stores: Sequence[AnyStore]) -> None:
        watch = stores[-1].watch("ends/")
        lease = await stores[0].grant(0.3, WAIT_S)
        await stores[0].txn(Txn((Put("ends/1", b"v", lease),), REASON), WAIT_S)
        put_there, gone = await take(watch, 2)
        assert put_there.changes[0].entry is not None
        assert gone.changes[0].entry is None
        assert await stores[0].get("ends/1") is None
