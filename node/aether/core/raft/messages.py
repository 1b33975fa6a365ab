"""What members say to each other. Who said it is told by the link, which knows its peer.

Rules for this file: tags and field order never change; a new field goes last with a default.
"""

import msgspec

from aether.core.raft.entries import Entry


class _Wire(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """Base of every message: an array, closed to fields it does not know."""


class PreVote(_Wire, tag=1, frozen=True):
    """Would you vote for me in `term` (one above mine)? Changes nobody's term."""

    term: int
    last_index: int
    last_term: int


class PreVoteAnswer(_Wire, tag=2, frozen=True):
    """`term` is the asked one when granted, else the answerer's own."""

    term: int
    granted: bool


class Vote(_Wire, tag=3, frozen=True):
    """Vote for me in `term`. `transfer` when the leader asked for this election itself."""

    term: int
    last_index: int
    last_term: int
    transfer: bool


class VoteAnswer(_Wire, tag=4, frozen=True):
    """The answer to Vote of `term`."""

    term: int
    granted: bool


class Append(_Wire, tag=5, frozen=True):
    """Entries after (`prev_index`, `prev_term`); without entries a heartbeat or a probe.

    `round` counts the leader's broadcasts: an answer to round r proves that the leader still led
    when it sent r. `last_index` is the leader's own.
    """

    term: int
    round: int
    prev_index: int
    prev_term: int
    commit: int
    entries: tuple[Entry, ...]
    last_index: int


class AppendAnswer(_Wire, tag=6, frozen=True):
    """Accepted: the log agrees up to `index` and is on disk. Refused: try from (`index`, `hint_term`).

    A refusal's `index` is the last that might agree: below the first of the conflicting term.
    `prev_index` is that of the Append answered, so that an old answer is told from a new one.
    """

    term: int
    round: int
    accepted: bool
    prev_index: int
    index: int
    hint_term: int


class TimeoutNow(_Wire, tag=7, frozen=True):
    """Stand for election at once: the leader hands its leadership to you."""

    term: int


class ReadRequest(_Wire, tag=8, frozen=True):
    """A follower asks which index must be applied before its read may be served."""

    term: int
    context: int


class ReadAnswer(_Wire, tag=9, frozen=True):
    """The answer to a ReadRequest; -1 when the asked one does not lead."""

    term: int
    context: int
    index: int


Message = (
    PreVote
    | PreVoteAnswer
    | Vote
    | VoteAnswer
    | Append
    | AppendAnswer
    | TimeoutNow
    | ReadRequest
    | ReadAnswer
)
