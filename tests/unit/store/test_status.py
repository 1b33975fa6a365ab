import pytest

from aether.core.model.ids import NodeId
from aether.ports import Member
from aether.store.pysyncobj.status import member_status

NODE = NodeId("node-1")
MEMBERS = (Member(NODE, "127.0.0.1:6101"),)


@pytest.mark.parametrize(("number", "role"), [(0, "follower"), (1, "candidate"), (2, "leader")])
def test_the_librarys_words_become_ours(number: int, role: str) -> None:
    told = {"state": number, "raft_term": 7, "commit_idx": 12, "last_applied": 11, "log_len": 3}
    status = member_status(NODE, MEMBERS, NODE, told)
    assert (status.engine, status.role, status.condition) == ("pysyncobj", role, "ok")
    assert (status.term, status.commit, status.applied) == (7, 12, 11)
    assert (status.leader, status.members) == (NODE, MEMBERS)
