from typing import Any

import pytest

from aether.store.pysyncobj.commands import Membership, NoOp, Regular, to_local
from aether.store.pysyncobj.messages import DumpChunk
from aether.store.pysyncobj.translation import from_library, to_library

ENTRIES = [
    (to_local(NoOp()), 5, 1),
    (to_local(Regular(b"x")), 6, 1),
    (to_local(Membership("add", "node-2@h:2")), 7, 2),
]
HEAD = {"type": "append_entries", "term": 3, "commit_index": 2}
LIBRARY: list[dict[str, Any]] = [
    {"type": "request_vote", "term": 3, "last_log_index": 9, "last_log_term": 2},
    {"type": "response_vote", "term": 3},
    {**HEAD, "prevLogIdx": 4, "prevLogTerm": 1, "entries": ENTRIES},
    {**HEAD, "prevLogIdx": None, "prevLogTerm": None, "entries": []},
    {"type": "next_node_idx", "next_node_idx": 8, "reset": False, "success": True},
    {"type": "apply_command", "command": ENTRIES[1][0], "request_id": 1},
    {"type": "apply_command_response", "request_id": 1, "log_idx": 6, "log_term": 3},
    {"type": "apply_command_response", "request_id": 1, "error": 4},
    {"type": "timeout_now", "term": 3},
]


@pytest.mark.parametrize("message", LIBRARY)
def test_the_librarys_messages_round_trip(message: dict[str, Any]) -> None:
    assert to_library(from_library(message, term=3)) == message


@pytest.mark.parametrize("serialized", [None, (b"piece", True, False), (b"", False, True)])
def test_a_piece_of_a_dump_commits_nothing(serialized: object) -> None:
    message = {**HEAD, "serialized": serialized}
    assert to_library(from_library(message, term=3)) == {**message, "commit_index": 0}


def test_a_failed_piece_is_no_piece() -> None:
    assert from_library({**HEAD, "serialized": False}, 3) == DumpChunk(
        3, None, first=False, last=False
    )


@pytest.mark.parametrize(
    "message",
    [
        {"type": "status"},
        {**HEAD, "transmission": "start", "data": b"", "prevLogIdx": 1, "prevLogTerm": 1},
        {"type": "apply_command", "command": b"\x03version", "request_id": 1},
    ],
)
def test_the_rest_is_not_sent(message: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not in the protocol|pieces of a pickle|not one of ours"):
        from_library(message, term=3)
