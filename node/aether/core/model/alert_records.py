"""Values of the families about alerts: thresholds, active alerts, silences, log levels, webhooks.

Rules for this file: as for `records`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from aether.core.model.ids import NodeId
from aether.core.model.records import make_ready


class Severity(StrEnum):
    """How bad something is, the least first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


RANK: Mapping[Severity, int] = MappingProxyType(
    {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
)
"""Severities as numbers, to be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdRecord:
    """`threshold/{metric}/{subject or *}`: what an operator says of a metric; None: as built in."""

    warning: float | None = None
    critical: float | None = None
    hysteresis: float | None = None
    """Share of the bound by which the value must fall back before the alert lowers, 0 to 1."""
    for_s: float | None = None
    """Time beyond the bound, without a break, before the alert is raised."""
    clear_s: float | None = None
    """Time back within the bound before it is lowered."""
    enabled: bool = True
    """False: no alert of this metric and subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    """`alert/{metric}/{subject}`: an active alert. Written by the leader at transitions only."""

    severity: Severity
    value: float
    """What was measured at the last transition."""
    bound: float
    """What it was compared with."""
    text: str
    since_ms: int
    """When it was raised first: milliseconds since 1970, on the clock of the leader then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceRecord:
    """`silence/{id}`: nobody is told of these alerts until it ends; they are raised all the same."""

    metric: str = "*"
    subject: str = "*"
    author: str
    """Who says so, for people."""
    comment: str = ""
    created_ms: int
    until_ms: int
    """Milliseconds since 1970 at which it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLevelRecord:
    """`loglevel/{logger}`: least level of one logger and all below it, in every process of a node."""

    level: str
    nodes: tuple[NodeId, ...] = ()
    """On these nodes only; empty: on all."""
    until_ms: int = 0
    """Milliseconds since 1970 at which it ends; 0: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRecord:
    """`webhook/{name}`: who is told of events, by HTTP."""

    url: str
    secret: str = ""
    """Key of the HMAC-SHA256 signature; empty: not signed. It is never shown."""
    types: tuple[str, ...] = ("ALERT_*",)
    """Types of events it gets; a `*` at the end stands for any ending."""
    least: Severity = Severity.INFO
    """Least severity it gets."""
    timeout_s: float = 5.0
    """Longest wait for an answer."""
    created_ms: int = 0
    from_event: str = ""
    """Event after which it begins: what was before it is not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """What a silence has kept from one webhook about one alert."""

    event: str
    """The last event kept back: it is told when the silence ends and the alert is still active."""
    unheard: bool
    """Whether the raising itself was kept back: then the webhook knows nothing of this alert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRecord:
    """`delivery/{webhook}`: how far the leader has come in telling one webhook."""

    event: str
    """The last event dealt with: delivered, refused or dropped."""
    dropped: int = 0
    """Events it never got: too old, too many, or refused for good."""
    told: Mapping[str, str] = field(default_factory=dict)
    """What became of the last one, for people: `event`, `outcome`, `at_ms`."""
    failures: int = 0
    """Deliveries that failed in a row when this was written: at the latest when a breaker opens or closes."""
    withheld: Mapping[str, Withheld] = field(default_factory=dict)
    """What silences keep back, by the key of the alert."""


make_ready(tuple(globals().values()))
