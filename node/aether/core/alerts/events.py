"""What happened, as people and programs are told of it: types, severities, places in the order.

An event is derived from one recorded transaction, so every node tells the same events under the same
ids: `{revision}.{position among the events of that transaction}`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

from aether.core.model.alert_records import RANK, Severity
from aether.core.model.reason import Reason

_MOST_DIGITS = 18
_LAST = 2**31
"""Position after all events of a transaction."""
MISSING = "EVENTS_MISSING"
"""Type of the event that stands for a gap: what happened there is not known on the node that tells."""


class Place(NamedTuple):
    """Where an event stands in the order of all events."""

    revision: int
    position: int

    def __str__(self) -> str:
        """`1234.0`; a bare revision after all events of it."""
        return str(self.revision) if self.position == _LAST else f"{self.revision}.{self.position}"


NOWHERE = Place(0, -1)
"""Before all events."""


def parse_place(text: str) -> Place:
    """Return the place of an event id; a bare revision is the place after all events of it.

    Raises ValueError for anything else.
    """
    revision, dot, position = text.partition(".")
    numbers = (revision, position) if dot else (revision,)
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise ValueError(
            f"{text[:40]!r} is no event id: expected a revision, or one and a position as 1234.0"
        )
    if any(len(number) > _MOST_DIGITS for number in numbers):
        raise ValueError(f"{text[:40]!r} is no event id: no revision is that high")
    return Place(int(revision), int(position) if dot else _LAST)


class Told(NamedTuple):
    """What a change says, before it has a place: type, severity, subject and sentence."""

    type: str
    severity: Severity
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened."""

    place: Place
    time_ms: int
    """Milliseconds since 1970, as the chronicle dates the transaction."""
    type: str
    """Of `TYPES`."""
    severity: Severity
    subject: str
    """`node/…`, `slice/…`, `blueprint/…` or `cluster`."""
    text: str
    """One sentence with the values in it."""
    reason: Reason
    """Why the transaction was made."""
    key: str = ""
    """Key of the store that tells it."""

    @property
    def id(self) -> str:
        """The same on every node."""
        return str(self.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which events somebody wants."""

    types: tuple[str, ...] = ()
    """Names, of which the last letter may be `*`; empty: all."""
    subjects: tuple[str, ...] = ()
    """Empty: all."""
    least: Severity = Severity.INFO

    def takes(self, event: Event) -> bool:
        """Whether the event is wanted; a gap always is."""
        if event.type == MISSING:
            return True
        return (
            RANK[event.severity] >= RANK[self.least]
            and (not self.subjects or event.subject in self.subjects)
            and fits_any(event.type, self.types)
        )


def fits_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether a type is one of the patterns; no pattern fits all."""
    known = tuple(patterns)
    return not known or any(fnmatchcase(name, pattern) for pattern in known)


TYPES: dict[str, str] = {
    "CLUSTER_FORMED": "the cluster was written down by its first leader",
    "CLUSTER_RESTORED": "a new cluster begins with what another one held",
    "QUORUM_LOST": "nobody led for some time, and nothing could be written; told when it was over",
    "QUORUM_REGAINED": "somebody leads after such a time",
    "BACKUP_TAKEN": "a backup was handed out whole",
    "BACKUP_FAILED": "a backup broke off",
    "LEADER_ELECTED": "a node leads from now on",
    "TOPOLOGY_CHANGED": "another number of nodes is wanted",
    "NODE_JOINED": "a node wrote itself down for the first time",
    "NODE_RESTARTED": "a node began another life",
    "NODE_CHANGED": "a node says something else of itself: addresses, labels, capacity, version",
    "NODE_REMOVED": "a node is forgotten",
    "NODE_ON_DUTY": "a node takes instances",
    "NODE_SUSPECT": "a node is silent",
    "NODE_RECOVERED": "a node that was doubted or lost is heard again",
    "NODE_LOST": "a node has been silent for too long; its instances are placed anew",
    "NODE_DRAINING": "a node is being emptied",
    "NODE_DRAINED": "a node is empty, as was asked for",
    "NODE_WANTED": "the provider is asked for a node",
    "NODE_NOT_PROVIDED": "the provider failed to start a node, or it did not come",
    "NODE_PROVIDED": "a node that was asked for is there, or no longer wanted",
    "ARTIFACT_PUSHED": "an artifact is known",
    "ARTIFACT_REMOVED": "an artifact is forgotten",
    "BLUEPRINT_APPLIED": "a blueprint was applied, anew or for the first time",
    "BLUEPRINT_DELETED": "a blueprint was deleted",
    "SLICE_ADDED": "a slice is wanted",
    "SLICE_SCALED": "another number of instances of a slice is wanted",
    "SLICE_UPDATED": "another version of a slice is wanted",
    "SLICE_CHANGED": "a slice is wanted with other settings",
    "SLICE_REMOVED": "a slice is no longer wanted",
    "SLICE_UP": "a slice that had no ACTIVE instance has one",
    "SLICE_DOWN": "a slice that is wanted has no ACTIVE instance any more",
    "TRAFFIC_CHANGED": "the requests of a slice are divided differently",
    "ROUTE_ADDED": "a route is answered",
    "ROUTE_CHANGED": "a route is answered by another slice or under another policy",
    "ROUTE_REMOVED": "a route is no longer answered",
    "INSTANCE_PLACED": "an instance is wanted on a node",
    "INSTANCE_ORDERED": "the leader wants something else of an instance",
    "INSTANCE_LOADING": "a node fetches and imports an instance",
    "INSTANCE_LOADED": "an instance is imported and does not serve",
    "INSTANCE_ACTIVATING": "an instance starts",
    "INSTANCE_ACTIVE": "an instance serves",
    "INSTANCE_DEACTIVATING": "an instance finishes what is in flight",
    "INSTANCE_UNLOADING": "an instance ends",
    "INSTANCE_FAILED": "an instance failed",
    "INSTANCE_GONE": "an instance is no longer on its node",
    "CONFIG_CHANGED": "a setting was changed at run time",
    "LOG_LEVEL_CHANGED": "the level of a logger was changed",
    "THRESHOLD_CHANGED": "a threshold was changed",
    "WEBHOOK_CHANGED": "a webhook was added, changed or removed",
    "SILENCE_BEGUN": "nobody is told of some alerts",
    "SILENCE_ENDED": "a silence is over",
    "ALERT_RAISED": "an alert became active",
    "ALERT_WORSENED": "a warning became critical",
    "ALERT_EASED": "a critical alert became a warning",
    "ALERT_RESOLVED": "an alert is over",
    MISSING: "a gap: what happened there is not known on the node that tells",
}
"""Every type of event and what it says."""
