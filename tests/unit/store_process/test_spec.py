import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from aether.core.store.machine import KvMachine
from aether.errors import ConfigInvalid
from aether.store.process.spec import (
    MemberSpec,
    StoreSpec,
    TlsSpec,
    is_same_process,
    read_spec,
    write_spec,
)

SPEC = StoreSpec(
    node="node-1",
    cluster_id="c",
    members=(MemberSpec("node-1", "127.0.0.1:6101"), MemberSpec("node-2", "h:1", voter=False)),
    host="127.0.0.1",
    port=6101,
    data_dir="/d",
    tls=TlsSpec("ca.pem", "c.pem", "k.pem"),
    timing={"election_s": 2.0},
    limits={"snapshot_entries": 100},
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_spec(tmp_path / "store.json", SPEC)
    assert read_spec(tmp_path / "store.json") == SPEC


def test_the_engine_is_told_everything() -> None:
    spec = SPEC.consensus(KvMachine(), "life")
    assert [(m.node, m.address, m.voter) for m in spec.members] == [
        ("node-1", "127.0.0.1:6101", True),
        ("node-2", "h:1", False),
    ]
    assert spec.bind == ("127.0.0.1", 6101)
    assert spec.timing.election_s == 2.0
    assert spec.limits.snapshot_entries == 100
    assert spec.tls is not None
    assert spec.tls.key == Path("k.pem")
    assert SPEC.socket == Path("/d/run/store.sock")


def test_settings_nobody_knows_are_named() -> None:
    with pytest.raises(ConfigInvalid, match="snapshots"):
        replace(SPEC, limits={"snapshots": 1}).consensus(KvMachine(), "life")


@pytest.mark.parametrize("change", [{"node": "Not A Node"}, {"prot": 1}, {"port": "x"}])
def test_a_file_that_is_none_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "store.json"
    write_spec(path, SPEC)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ConfigInvalid, match=str(path)):
        read_spec(path)
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        read_spec(tmp_path / "nowhere")


def test_members_alone_make_no_other_process() -> None:
    assert is_same_process(SPEC, replace(SPEC, members=()))
    assert not is_same_process(SPEC, replace(SPEC, engine="pysyncobj"))
