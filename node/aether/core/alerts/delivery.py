"""Telling one webhook: when it is tried, what an answer means, and when an event is given up.

Events go in order, one at a time. A target that fails is tried again after 1, 2, 4 … seconds; after
`BREAKER_AFTER` failures in a row its breaker is open, and one try in `OPEN_S` seconds asks whether it is back.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal

FIRST_WAIT_S = 1.0
OPEN_S = 60.0
"""Longest wait, and the pace of tries while the breaker is open."""
BREAKER_AFTER = 5
"""Failures in a row that open the breaker."""
REFUSALS = 3
"""Refusals of one event after which it is given up: another try would be refused too."""
MOST_AGE_S = 3600.0
"""Age at which an event is given up: who is told later is misled."""

Verdict = Literal["delivered", "refused", "failed"]

_LATER = frozenset({408, 425, 429})
"""Client errors that ask for another try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """How deliveries to one webhook have gone."""

    failures: int = 0
    """In a row, refusals among them."""
    refusals: int = 0
    """Of the event that is next."""
    next_at: float = 0.0
    """Seconds, on the clock of the leader, before which it is not tried."""

    @property
    def is_open(self) -> bool:
        """Whether the breaker is open."""
        return self.failures >= BREAKER_AFTER


def verdict(status: int | None) -> Verdict:
    """Return what an answer means; None: there was none in time."""
    if status is None:
        return "failed"
    if 200 <= status < 300:
        return "delivered"
    return "refused" if 300 <= status < 500 and status not in _LATER else "failed"


def after(target: Target, what: Verdict, now: float) -> Target:
    """Return the target after a try that ended now."""
    if what == "delivered":
        return Target()
    failures = target.failures + 1
    wait_s = OPEN_S if failures >= BREAKER_AFTER else FIRST_WAIT_S * 2 ** (failures - 1)
    return Target(
        failures=failures,
        refusals=target.refusals + (what == "refused"),
        next_at=now + min(wait_s, OPEN_S),
    )


def is_given_up(target: Target, age_s: float) -> bool:
    """Whether the next event is not tried any more."""
    return target.refusals >= REFUSALS or age_s > MOST_AGE_S


def given_up(target: Target) -> Target:
    """Return the target with the next event before it: what failed so far still counts."""
    return Target(failures=target.failures, next_at=target.next_at)


def signature(secret: str, sent_s: int, body: bytes) -> str:
    """Return the value of the header `aether-signature`: HMAC-SHA256 over `{sent_s}.{body}`, in hex.

    >>> signature("k", 1, b"{}")[:15]
    'sha256=3dd49b25'
    """
    text = f"{sent_s}.".encode() + body
    return "sha256=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
