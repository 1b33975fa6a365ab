"""What a stage of reconcile says when it leaves something undone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing is done now; the sentence says what is waited for."""

    text: str
