"""`aether cluster …` against a fake API, and its work on files."""

import json
from pathlib import Path
from typing import Any

import pytest

from aether.core.model.ids import NodeId
from aether.core.raft.entries import Peer
from aether.rpc import identity
from aether.store.offline.founding import found
from tests.backup_world import backup_file, machine
from tests.cli_world import Answer, FakeApi, problem
from tests.unit.cli.conftest import Aether


def told(may_fail: int = 1, **node_2: Any) -> Answer:
    def member(node: str, role: str, **more: Any) -> dict[str, Any]:
        base = {"node": node, "role": role, "address": f"{node}:1", "condition": "ok"}
        return {**base, "detail": "", "match": 9, "lag": 0, "silent_s": 0.0, **more}

    counted = {"voters": 3, "quorum": 2, "answering": 2 + may_fail, "may_fail": may_fail}
    listed = [member("n-1", "leader"), member("n-2", "voter", **node_2)]
    return Answer(value={**counted, "members": listed})


def test_members_are_a_table_and_what_it_means(api: FakeApi, aether: Aether) -> None:
    api.on(
        "GET",
        "cluster/members",
        told(0, condition="disk_full", detail="no space", match=None, lag=None, silent_s=None),
    )
    ran = aether("cluster", "members")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "NODE  ROLE    ADDRESS  CONDITION  MATCH  LAG  SILENT FOR",
        "n-1   leader  n-1:1    ok         9      0    0.0 s",
        "n-2   voter   n-2:1    disk_full  -      -    -",
        "",
        "2 of 3 voters answer, a quorum is 2: NONE MAY FAIL",
        "n-2: no space",
    ]
    assert json.loads(aether("cluster", "members", "-o", "json").out)["may_fail"] == 0


def test_a_lost_quorum_is_said_loudly(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "cluster/members", told(-1))
    assert "NOTHING CAN BE WRITTEN" in aether("cluster", "members").out


def test_removal_tells_the_margin_before_and_after(api: FakeApi, aether: Aether) -> None:
    after = {"voters": 2, "quorum": 2, "answering": 2, "may_fail": 0}
    api.on("GET", "cluster/members", told(1))
    api.on("DELETE", "cluster/members/n-2?force=new+house", Answer(value={"after": after}))
    ran = aether("cluster", "remove", "n-2", "--force", "new house")
    assert ran.code == 0
    assert "before: 3 of 3 voters answer, a quorum is 2: 1 more may fail" in ran.err
    assert ran.out.splitlines() == [
        "n-2 removed",
        "now: 2 of 2 voters answer, a quorum is 2: NONE MAY FAIL",
    ]
    refused = problem(409, "without n-2 …", "quorum_at_risk")
    api.on("DELETE", "cluster/members/n-2", refused)
    assert aether("cluster", "remove", "n-2").code == 4


def test_promotion_and_transfer(api: FakeApi, aether: Aether) -> None:
    api.on("POST", "cluster/members/n-2/promote", Answer(value={"changed": True}))
    assert aether("cluster", "promote", "n-2").out == "n-2 votes now\n"
    api.on("POST", "cluster/members/n-2/promote", Answer(value={"changed": False}))
    assert aether("cluster", "promote", "n-2").out == "n-2 votes already\n"
    api.on("POST", "cluster/leader", Answer(value={"leader": "n-2", "before": "n-1"}))
    assert aether("cluster", "transfer", "n-2").out == "n-2 leads now, n-1 did before\n"
    assert aether("cluster", "transfer").code == 0
    assert [asked.body for asked in api.asked[-2:]] == [b'{"node": "n-2"}', b"{}"]


def test_a_backup_appears_whole_or_not_at_all(api: FakeApi, aether: Aether, tmp_path: Path) -> None:
    whole = backup_file(tmp_path / "made", machine()).read_bytes()
    file = tmp_path / "out" / "shop.backup"
    file.parent.mkdir()

    def serve(data: bytes) -> None:
        api.on("GET", "backup", Answer(text=data, content_type="application/octet-stream"))

    for broken in (b"", whole[:-1], whole[:100] + b"?" + whole[101:]):
        serve(broken)
        assert aether("cluster", "backup", str(file)).code == 2
        assert list(file.parent.iterdir()) == []
    api.on("GET", "backup", problem(503, "no quorum", "no_quorum"))
    assert aether("cluster", "backup", str(file)).code == 5
    assert list(file.parent.iterdir()) == []
    serve(whole)
    ran = aether("cluster", "backup", str(file))
    assert ran.code == 0
    assert file.read_bytes() == whole
    assert [path.name for path in file.parent.iterdir()] == ["shop.backup"]
    assert "39 app, 1 lock" in ran.out
    assert "exists" in aether("cluster", "backup", str(file)).err
    assert file.read_bytes() == whole


def test_a_name_that_is_taken_meanwhile_is_left_alone(
    api: FakeApi, aether: Aether, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = backup_file(tmp_path / "made", machine()).read_bytes()
    api.on("GET", "backup", Answer(text=whole, content_type="application/octet-stream"))
    file = tmp_path / "shop.backup"

    def taken(source: Path, target: Path) -> None:
        target.write_text("of somebody else")
        raise FileExistsError(17, "File exists", str(source))

    monkeypatch.setattr("aether.cli.cluster.os.link", taken)
    assert aether("cluster", "backup", str(file)).code == 4
    assert file.read_text() == "of somebody else"
    file.unlink()

    def impossible(source: Path, target: Path) -> None:
        raise PermissionError(1, f"no links from {source}", str(target))

    monkeypatch.setattr("aether.cli.cluster.os.link", impossible)
    assert aether("cluster", "backup", str(file)).code == 0
    assert file.read_bytes() == whole


def test_verify_tells_what_a_backup_holds(aether: Aether, tmp_path: Path) -> None:
    of = machine()
    file = backup_file(tmp_path / "b", of)
    ran = aether("-o", "json", "cluster", "backup", "--verify", str(file))
    held = json.loads(ran.out)
    assert (held["cluster"], held["revision"], held["keys"]) == ("old", of.revision, 40)
    assert held["taken_at"] == "2023-11-14T22:13:20+00:00"
    assert held["state_hash"] == of.state_hash()
    file.write_bytes(file.read_bytes()[:-9])
    damaged = aether("cluster", "backup", "--verify", str(file))
    assert damaged.code == 2
    assert "is cut off" in damaged.err
    assert aether("cluster", "backup", "--verify", str(tmp_path / "none")).code == 3


def test_a_stream_that_breaks_is_not_a_backup(
    api: FakeApi, aether: Aether, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AETHER_ENDPOINT", "http://127.0.0.1:1")
    ran = aether("cluster", "backup", str(tmp_path / "b"))
    assert ran.code == 5
    assert list(tmp_path.iterdir()) == []
    assert aether("cluster", "backup", str(tmp_path / "no" / "b")).code == 1


def restore(aether: Aether, file: Path, data: Path) -> Any:
    where = ("--data-dir", str(data), "--node-id", "n-1", "--raft-address", "127.0.0.1:9")
    return aether("-o", "json", "cluster", "restore", str(file), *where)


def test_a_restored_directory_is_a_nodes(aether: Aether, tmp_path: Path) -> None:
    of = machine()
    file = backup_file(tmp_path / "b", of)
    ran = restore(aether, file, tmp_path / "data")
    assert ran.code == 0
    made = json.loads(ran.out)
    assert (made["before"], made["state_hash"]) == ("old", of.state_hash())
    known = identity.load_identity(tmp_path / "data")
    assert known is not None
    assert (known.cluster_id, known.node) == (made["cluster"], "n-1")
    assert "start it: aether-node --node-id n-1" in ran.err
    assert restore(aether, file, tmp_path / "data").code == 4
    file.write_bytes(b"nothing")
    assert restore(aether, file, tmp_path / "other").code == 2
    assert not (tmp_path / "other").exists()
    where = ("--data-dir", str(tmp_path / "x"), "--node-id", "n-1", "--raft-address", "nowhere")
    assert aether("cluster", "restore", str(file), *where).code == 2


def test_recovery_wants_the_cluster_id(aether: Aether, tmp_path: Path) -> None:
    founded = found(tmp_path / "store", Peer(NodeId("n-1"), "h:1"), machine(), index=7, term=3)
    at = ("--data-dir", str(tmp_path))
    looked = json.loads(aether("-o", "json", "cluster", "recover", *at, "--look").out)
    assert (looked["cluster"], looked["last_index"]) == (founded.cluster_id, 7)
    assert aether("cluster", "recover", *at).code == 2
    assert aether("cluster", "recover", *at, "--confirm", "yes").code == 2
    ran = aether("cluster", "recover", *at, "--confirm", founded.cluster_id)
    assert ran.code == 0
    assert "LOST: every write a quorum acknowledged after entry 7 of this member" in ran.err
    known = identity.load_identity(tmp_path)
    assert known is not None
    assert known.cluster_id not in (founded.cluster_id, "")
    assert known.cluster_id in ran.out
    assert aether("cluster", "recover", "--data-dir", str(tmp_path / "none"), "--look").code == 3
