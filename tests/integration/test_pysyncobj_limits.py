"""Known limits of engine `pysyncobj`, asserted so that nobody is surprised by them.

Each test passes because the limit is there. One that fails tells that the library or our part
around it got better: then the limit goes from here, from ADR 3 and from what `aether doctor` says.
"""

from pathlib import Path

import pytest

from aether.core.model.ids import NodeId
from aether.errors import Invalid
from aether.ports import Member
from aether.store.pysyncobj.commands import Regular, to_local
from aether.store.pysyncobj.disk import open_journal
from aether.store.pysyncobj.stamps import Stamps
from tests.integration.contracts.raft_cluster import RaftCluster, free_port, new_members
from tests.integration.contracts.store import put


async def test_limit_there_are_no_learners_and_no_transfer_of_leadership() -> None:
    """A voter joins with an empty log and counts at once; nobody can be told to lead."""
    async with RaftCluster(new_members(1)) as cluster:
        leader = await cluster.leader()
        consensus = cluster.running[leader].consensus
        learner = Member(NodeId("node-2"), f"127.0.0.1:{free_port()}", voter=False)
        with pytest.raises(Invalid, match="learner"):
            await consensus.add_member(learner, 1)
        with pytest.raises(Invalid, match="not supported"):
            await consensus.transfer_leadership(None, 1)
        assert consensus.members == tuple(cluster.members)


async def test_limit_a_linearizable_read_costs_a_write() -> None:
    """Reads go through the log: each round of them is one more entry that is synced everywhere."""
    async with RaftCluster(new_members(1)) as cluster:
        leader = await cluster.leader()
        running = cluster.running[leader]
        await running.store.txn(put("k"))
        before = (await running.consensus.status()).commit
        for _ in range(5):
            await running.store.get("k")
        assert (await running.consensus.status()).commit >= before + 5


async def test_limit_the_status_tells_neither_log_nor_peers() -> None:
    """The library tells nothing of where its log begins, of its dump, or of silent peers."""
    async with RaftCluster(new_members(3)) as cluster:
        leader = await cluster.leader()
        await cluster.stores[0].txn(put("k"))
        status = await cluster.running[leader].consensus.status()
        assert (status.first_index, status.snapshot_index, status.peers) == (0, 0, ())
        assert status.last_index == status.commit


def test_limit_time_goes_on_while_nobody_leads() -> None:
    """Stamps are the proposer's reckoning: an outage counts against leases as if someone led."""
    now = [0.0]
    stamps = Stamps(lambda: now[0])
    stamps.applied(1_000)
    now[0] += 30.0  # half a minute without a quorum
    assert stamps.time_ms == 31_000


def _journal(path: Path, count: int) -> None:
    journal = open_journal(path)
    for index in range(1, count + 1):
        journal.add(to_local(Regular(b"command %04d" % index)), index, 1)
    journal._destroy()


def _commands(path: Path) -> list[bytes]:
    journal = open_journal(path)
    try:
        return [entry[0] for entry in journal[:]]
    finally:
        journal._destroy()


def test_limit_a_changed_byte_in_the_journal_is_believed(tmp_path: Path) -> None:
    """The journal has no checksums: a flipped bit in a command is loaded as another command."""
    path = tmp_path / "journal"
    _journal(path, 20)
    data = path.read_bytes()
    assert data.count(b"command 0007") == 1
    path.write_bytes(data.replace(b"command 0007", b"command 0907"))
    commands = _commands(path)
    assert len(commands) == 20
    assert to_local(Regular(b"command 0907")) in commands


def test_limit_an_old_first_page_hides_later_entries(tmp_path: Path) -> None:
    """The end of the journal stands in its first page, which a power cut may leave behind."""
    path = tmp_path / "journal"
    _journal(path, 5)
    page = path.read_bytes()[:40]
    path.unlink()
    _journal(path, 20)
    path.write_bytes(page + path.read_bytes()[40:])
    assert len(_commands(path)) == 5
