from pathlib import Path

import pytest

from aether.core.model.ids import NodeId
from aether.core.store.machine import KvMachine
from aether.errors import ConfigInvalid
from aether.ports import Consensus, Member
from aether.store.engine import open_consensus
from aether.store.spec import ConsensusSpec


def open_named(engine: str, *members: Member) -> Consensus:
    spec = ConsensusSpec(
        node=NodeId("node-1"),
        cluster_id="one",
        members=members,
        bind=("127.0.0.1", 0),
        data_dir=Path("/nonexistent"),
        machine=KvMachine(),
        incarnation="1",
    )
    return open_consensus(engine, spec)


async def test_an_engine_is_chosen_by_name() -> None:
    member = Member(NodeId("node-1"), "127.0.0.1:6101")
    assert open_named("pysyncobj", member).members == (member,)


async def test_unknown_engines_are_named_with_the_choices() -> None:
    with pytest.raises(ConfigInvalid, match=r"'etcd'.*'pysyncobj'"):
        open_named("etcd")


async def test_a_member_must_be_among_the_members() -> None:
    with pytest.raises(ConfigInvalid, match="node-1"):
        open_named("pysyncobj", Member(NodeId("node-2"), "127.0.0.1:6102"))
