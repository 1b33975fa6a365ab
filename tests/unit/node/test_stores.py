"""Where a node's store runs: which directory it takes, whom it adopts, when it votes."""

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from aether.config.node import NodeConfig, StoreConfig
from aether.core.model.ids import NodeId
from aether.core.store.commands import Applied
from aether.errors import ConfigInvalid, Conflict
from aether.node.clock import MonotonicClock
from aether.node.stores import Grounds, InlineStore, OwnStore, become_voter, open_store
from aether.ports import Group, Member
from aether.rpc.formation import Membership
from aether.store.process.lock import take_lock
from aether.store.process.spec import is_same_process, read_spec, write_spec
from tests.integration.contracts.raft_cluster import free_port
from tests.integration.contracts.store import put
from tests.integration.store_rig import until

NODE = NodeId("node-1")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ae", dir="/tmp") as folder:
        for name in ("run", "logs", "store"):
            (Path(folder) / name).mkdir()
        yield Path(folder)


def grounds(
    data_dir: Path, store: StoreConfig, *, founded: bool = True, failures: list[str] | None = None
) -> Grounds:
    port = free_port()
    members = (Member(NODE, f"127.0.0.1:{port}"),)
    return Grounds(
        config=NodeConfig(node_id=NODE, data_dir=data_dir, raft_port=port, store=store),
        data_dir=data_dir,
        membership=Membership("one", members, {}, members if founded else ()),
        incarnation="life",
        remember=lambda _: None,
        on_failure=lambda part, _: (failures if failures is not None else []).append(part),
        clock=MonotonicClock(),
    )


def test_what_one_engine_wrote_is_not_read_with_another(data_dir: Path) -> None:
    native, other = StoreConfig(engine="native"), StoreConfig(engine="pysyncobj")
    open_store(grounds(data_dir, native))
    with pytest.raises(ConfigInvalid, match="holds a store of engine native"):
        open_store(grounds(data_dir, other))
    open_store(grounds(data_dir, native))


def test_a_directory_of_before_there_were_two_engines_is_known(data_dir: Path) -> None:
    (data_dir / "store" / "journal").touch()
    with pytest.raises(ConfigInvalid, match="engine pysyncobj, not native"):
        open_store(grounds(data_dir, StoreConfig(engine="native")))


async def test_only_founders_are_told_with_whom_they_begin(data_dir: Path) -> None:
    for founded, members in ((True, 1), (False, 0)):
        own = open_store(grounds(data_dir, StoreConfig(), founded=founded))
        assert isinstance(own, OwnStore)
        await own.start()
        spec = read_spec(data_dir / "run" / "store.json")
        assert len(spec.members) == members
        assert spec.address == f"127.0.0.1:{spec.port}"
        assert not own.answers()
        await own.stop()


async def test_a_process_of_other_settings_is_not_adopted(data_dir: Path) -> None:
    own = open_store(grounds(data_dir, StoreConfig()))
    assert isinstance(own, OwnStore)
    assert not own._may_be_adopted()
    await own.start()
    assert own._may_be_adopted()
    write_spec(own._path, replace(own._spec, log_level="debug"))
    assert not own._may_be_adopted()
    await own.stop()


async def test_an_inline_store_takes_part_and_leaves(data_dir: Path) -> None:
    inline = open_store(grounds(data_dir, StoreConfig(process="inline")))
    assert isinstance(inline, InlineStore)
    await inline.start()
    assert inline.answers()
    with pytest.raises(ConfigInvalid, match="belongs to a store"):
        take_lock(data_dir)
    assert isinstance(await inline.store.txn(put("k"), timeout_s=10), Applied)
    assert inline.store.leader == NODE
    await inline.stop()
    take_lock(data_dir)


class Learning(Group):
    """A group in which this node learns; promotion fails once.

    Until it is heard, this node is believed to vote, as it did before it lost its store.
    """

    def __init__(self) -> None:
        self.asked: list[Member] = []
        self._members: tuple[Member, ...] = (Member(NodeId("other"), "h:1"), Member(NODE, "h:2"))

    @property
    def members(self) -> tuple[Member, ...]:
        return self._members

    def join(self) -> None:
        self._members = (self._members[0], Member(NODE, "h:2", voter=False))

    def leave(self) -> None:
        self._members = self._members[:1]

    async def add_member(self, member: Member, timeout_s: float) -> None:
        self.asked.append(member)
        if len(self.asked) == 1:
            raise Conflict("another change is under way")
        self._members = (self._members[0], member)


class Hurried(MonotonicClock):
    """Waits for nothing, and has the group go on after a few waits."""

    def __init__(self, group: Learning) -> None:
        self._group = group
        self.waits = 0

    async def sleep(self, seconds: float) -> None:
        self.waits += 1
        if self.waits == 2:
            self._group.leave()
        if self.waits == 3:
            assert self._group.asked == [], "a node that is no member asks for no vote"
            self._group.join()
        if self.waits == 7:
            raise EndOfTest


class EndOfTest(Exception):
    """A node asks for ever."""


async def test_a_learner_asks_for_a_vote_until_it_has_one() -> None:
    group = Learning()  # type: ignore[abstract] # what is not asked for is left out
    with pytest.raises(EndOfTest):
        await become_voter(group, NODE, Hurried(group))
    assert group.asked == [Member(NODE, "h:2", voter=True)] * 2


async def test_a_fault_of_an_inline_store_is_told_to_the_node(data_dir: Path) -> None:
    failures: list[str] = []
    inline = open_store(grounds(data_dir, StoreConfig(process="inline"), failures=failures))
    assert isinstance(inline, InlineStore)
    await inline.start()
    driver = inline._consensus._driver  # type: ignore[attr-defined] # the native engine's
    driver.failure = OSError("broken")
    driver.failed.set()
    await until(lambda: failures == ["store"])
    await inline.stop()


def test_who_joins_tells_its_store_by_which_term_it_was_let_in(data_dir: Path) -> None:
    joined = grounds(data_dir, StoreConfig(), founded=False)
    membership = dataclasses.replace(joined.membership, term=7)
    store = open_store(dataclasses.replace(joined, membership=membership))
    assert isinstance(store, OwnStore)
    assert (store._spec.term, store._spec.members) == (7, ())
    assert is_same_process(store._spec, replace(store._spec, term=0))
