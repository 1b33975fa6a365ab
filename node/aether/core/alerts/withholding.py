"""What a silence keeps from a webhook, and what it must not: who was told of an alert is told of its end.

The raising and the worsening of a silenced alert are kept back. They are told when the silence ends and
the alert is still active; nobody is told of the end of what he never heard of.
"""

from collections.abc import Mapping
from typing import Literal

from aether.core.model.alert_records import Withheld

MOST_WITHHELD = 256
"""Most alerts kept back for one webhook; the raising of one more is told in spite of the silence."""

Fate = Literal["tell", "withhold", "forget"]
"""`forget`: it is not told, and nothing of its alert is kept back any more."""


def fate(kind: str, known: Withheld | None, *, silenced: bool) -> Fate:
    """Return what becomes of an event of an alert, given what is kept back of that alert."""
    unheard = known is not None and known.unheard
    if kind == "ALERT_RESOLVED":
        return "forget" if unheard else "tell"
    if not silenced:
        return "tell"
    if kind == "ALERT_EASED":
        return "withhold" if unheard else "tell"
    return "withhold"


def withheld(
    before: Mapping[str, Withheld], key: str, kind: str, event: str
) -> Mapping[str, Withheld] | None:
    """Return what is kept back with one more event; None when there is no room for its alert."""
    known = before.get(key)
    if known is None and len(before) >= MOST_WITHHELD:
        return None
    unheard = kind == "ALERT_RAISED" or (known is not None and known.unheard)
    return {**before, key: Withheld(event=event, unheard=unheard)}


def without(before: Mapping[str, Withheld], key: str) -> Mapping[str, Withheld]:
    """Return what is kept back of other alerts."""
    return {other: one for other, one in before.items() if other != key}
