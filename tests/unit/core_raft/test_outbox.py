"""What waits to be given out."""

from aether.core.model.ids import NodeId
from aether.core.raft.messages import TimeoutNow
from aether.core.raft.outbox import Outbox


def test_what_was_given_out_is_the_callers() -> None:
    outbox = Outbox()
    given = outbox.messages
    given.append((NodeId("b"), TimeoutNow(1)))
    outbox.clear()
    assert (len(given), outbox.messages) == (1, [])
