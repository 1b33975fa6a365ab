"""PySyncObj's messages, which are dictionaries, from and to our own."""

from collections.abc import Callable
from typing import Any

from aether.store.pysyncobj.commands import from_local, to_local
from aether.store.pysyncobj.messages import (
    Append,
    AppendAnswer,
    BadMessage,
    DumpChunk,
    Forward,
    Forwarded,
    ForwardRefused,
    LeadNow,
    LogEntry,
    Message,
    VoteGranted,
    VoteRequest,
)

_Library = dict[str, Any]


def from_library(message: _Library, term: int) -> Message:
    """Return PySyncObj's `message` for the wire; `term` is the sender's.

    Raises ValueError for a message or a command that is not in the closed set.
    """
    kind = message["type"]
    if kind == "next_node_idx":
        answer = message["next_node_idx"], message["reset"], message["success"]
        return AppendAnswer(term, *answer)
    if kind not in _FROM_LIBRARY:
        raise BadMessage(f"the library sends {kind!r}, which is not in the protocol")
    return _FROM_LIBRARY[kind](message)


def _append(message: _Library) -> Append | DumpChunk:
    if "transmission" in message:
        raise BadMessage("a command over the batch size would be sent as pieces of a pickle")
    if "serialized" in message:
        data, first, last = message["serialized"] or (None, False, False)
        return DumpChunk(message["term"], data, first, last)
    return Append(
        term=message["term"],
        commit_index=message["commit_index"],
        prev_index=message["prevLogIdx"],
        prev_term=message["prevLogTerm"],
        entries=[LogEntry(i, term, from_local(command)) for command, i, term in message["entries"]],
    )


def _forwarded(message: _Library) -> Forwarded | ForwardRefused:
    if message.get("error") is not None:
        return ForwardRefused(message["request_id"], message["error"])
    return Forwarded(message["request_id"], message["log_idx"], message["log_term"])


_FROM_LIBRARY: dict[str, Callable[[_Library], Message]] = {
    "append_entries": _append,
    "apply_command": lambda m: Forward(from_local(m["command"]), m["request_id"]),
    "apply_command_response": _forwarded,
    "request_vote": lambda m: VoteRequest(m["term"], m["last_log_index"], m["last_log_term"]),
    "response_vote": lambda m: VoteGranted(m["term"]),
    "timeout_now": lambda m: LeadNow(m["term"]),
}


def to_library(message: Message) -> _Library:
    """Return `message` as PySyncObj wants it; raises ValueError for a voter that is none."""
    match message:
        case Append() | DumpChunk() | AppendAnswer():
            return _replication_to_library(message)
        case Forward() | Forwarded() | ForwardRefused():
            return _forward_to_library(message)
        case VoteRequest():
            return {
                "type": "request_vote",
                "term": message.term,
                "last_log_index": message.last_log_index,
                "last_log_term": message.last_log_term,
            }
        case VoteGranted():
            return {"type": "response_vote", "term": message.term}
        case LeadNow():
            return {"type": "timeout_now", "term": message.term}


def _replication_to_library(message: Append | DumpChunk | AppendAnswer) -> _Library:
    match message:
        case Append():
            return {
                "type": "append_entries",
                "term": message.term,
                "commit_index": message.commit_index,
                "prevLogIdx": message.prev_index,
                "prevLogTerm": message.prev_term,
                "entries": [(to_local(e.command), e.index, e.term) for e in message.entries],
            }
        case DumpChunk():
            # Commit index 0: the library would otherwise commit a follower's own, possibly
            # divergent, entries while the dump arrives. The next heartbeat brings the real one.
            return {
                "type": "append_entries",
                "term": message.term,
                "commit_index": 0,
                "serialized": None
                if message.data is None
                else (message.data, message.first, message.last),
            }
        case AppendAnswer():
            return {
                "type": "next_node_idx",
                "next_node_idx": message.next_index,
                "reset": message.reset,
                "success": message.success,
            }


def _forward_to_library(message: Forward | Forwarded | ForwardRefused) -> _Library:
    match message:
        case Forward():
            command = to_local(message.command)
            return {"type": "apply_command", "command": command, "request_id": message.request}
        case Forwarded():
            return {
                "type": "apply_command_response",
                "request_id": message.request,
                "log_idx": message.log_index,
                "log_term": message.log_term,
            }
        case ForwardRefused():
            return refusal(message.request, message.error)


def refusal(request: int, error: int) -> _Library:
    """Return the library's form of a refused forward."""
    return {"type": "apply_command_response", "request_id": request, "error": error}
