"""What a change says, before it has a place among the events."""

from typing import NamedTuple

from aether.core.model.alert_records import Severity


class Told(NamedTuple):
    """Type, severity, subject and sentence of an event."""

    type: str
    severity: Severity
    subject: str
    text: str
