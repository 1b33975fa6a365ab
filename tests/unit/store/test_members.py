import pickle

import pytest

from aether.core.model.ids import NodeId
from aether.ports import Member
from aether.store.pysyncobj.members import Voter, member_name, parse_member, voters

MEMBER = Member(NodeId("node-1"), "[::1]:6101")


def test_names_carry_node_and_address() -> None:
    assert member_name(MEMBER) == "node-1@[::1]:6101"
    assert parse_member(member_name(MEMBER)) == MEMBER


@pytest.mark.parametrize(
    "name",
    [
        "",
        "node-1",
        "node-1@",
        "node-1@host",
        "node-1@host:",
        "node-1@host:0",
        "node-1@host:65536",
        "node-1@:61",
        "Node@host:61",
        "node-1@host:٣",
        "n@" + "h" * 400 + ":1",
    ],
)
def test_what_is_no_voter_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_member(name)


def test_voters_are_equal_by_name_and_pickle_as_it() -> None:
    (voter,) = voters([MEMBER])
    copy = pickle.loads(pickle.dumps(voter))  # noqa: S301 - bytes of this test
    assert copy == voter == Voter(member_name(MEMBER))
    assert copy.member == MEMBER
