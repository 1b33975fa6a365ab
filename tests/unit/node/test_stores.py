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
from aether.errors import ConfigInvalid
from aether.node.clock import MonotonicClock
from aether.node.stores import Grounds, InlineStore, OwnStore, open_store
from aether.ports import Member
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
