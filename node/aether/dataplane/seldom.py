"""What happens again and again is logged once in a while: a log must not grow by strangers' doing."""

SUBJECTS = 64
"""Most subjects remembered."""


class Seldom:
    """Lets something be said of a subject at most once in `each_s` seconds."""

    def __init__(self, each_s: float = 10.0) -> None:
        self._each_s = each_s
        self._said_at: dict[str, float] = {}

    def is_due(self, subject: str, now: float) -> bool:
        """Whether to say it now, in monotonic seconds; if so it counts as said."""
        said_at = self._said_at.get(subject)
        if said_at is not None and now - said_at < self._each_s:
            return False
        self._said_at.pop(subject, None)
        if len(self._said_at) >= SUBJECTS:
            self._said_at.pop(next(iter(self._said_at)))  # said longest ago
        self._said_at[subject] = now
        return True
