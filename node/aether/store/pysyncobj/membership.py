"""One change of the voters at a time: the guard that PySyncObj has but never arms.

Two majorities that do not overlap are possible when a second change enters the log before the
first is committed. Kept by every member, asked only while it leads.
"""

from collections.abc import Callable

from pysyncobj import FAIL_REASON

from aether.store.pysyncobj.commands import Membership
from aether.store.pysyncobj.members import Voter
from aether.store.pysyncobj.messages import Forward, Forwarded, ForwardRefused, Message


class MembershipGate:
    """Admits a change of the voters into the log when none is under way.

    `applied` is the index of the last entry applied here; `hand_over` asks a voter to lead.
    """

    def __init__(
        self, me: Voter, applied: Callable[[], int], hand_over: Callable[[Voter], None]
    ) -> None:
        self._me = me
        self._applied = applied
        self._hand_over = hand_over
        self._request: tuple[str, int] | None = None
        self._index: int | None = None
        self.local = False
        """Whether a change proposed on this member is under way."""

    @property
    def busy(self) -> bool:
        """Whether a change is under way."""
        if self._index is not None and self._applied() >= self._index:
            self.clear()
        return self.local or self._request is not None

    def clear(self) -> None:
        """Forget forwarded changes: they are applied, or another member leads now."""
        self._request = self._index = None

    def refuses(self, peer: Voter, forward: Forward) -> int | None:
        """Return why a forwarded command may not enter the log, or None and take note of it."""
        if not isinstance(forward.command, Membership):
            return None
        if forward.command.action == "rem" and forward.command.voter == self._me.id:
            # A leader cannot take itself out: whoever asks leads, and asks again.
            self._hand_over(peer)
            return int(FAIL_REASON.NOT_LEADER)
        if self.busy:
            return int(FAIL_REASON.REQUEST_DENIED)
        self._request = (peer.id, forward.request)
        return None

    def answered(self, peer: Voter, message: Message) -> None:
        """Note what the library tells a peer about the change it forwarded."""
        match message:
            case Forwarded(request=request, log_index=index):
                if self._request == (peer.id, request):
                    self._index = index
            case ForwardRefused(request=request):
                if self._request == (peer.id, request):
                    self.clear()
            case _:
                pass
