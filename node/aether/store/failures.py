"""Errors of the family as data, so that they cross from the store process to its node unchanged."""

from aether.errors import (
    AetherError,
    Conflict,
    Invalid,
    NoQuorum,
    NotFound,
    OutcomeUnknown,
    TooLarge,
    Unavailable,
)
from aether.store.protocol import Failed
from aether.store.watch import Compacted

REFUSED = "refused"
"""Kind of a write that surely never took effect, and of a read no quorum let through."""
UNKNOWN = "unknown"
"""Kind of a write that may or may not take effect."""

_BY_CODE: dict[str, type[AetherError]] = {
    kind.code: kind
    for kind in (Compacted, NoQuorum, NotFound, TooLarge, Conflict, Invalid, Unavailable)
}
_KINDS: tuple[tuple[str, type[AetherError]], ...] = (
    ("invalid", Invalid),
    ("conflict", Conflict),
    (REFUSED, NoQuorum),
    ("unavailable", Unavailable),
    (UNKNOWN, OutcomeUnknown),
)


def failed(number: int, problem: AetherError) -> Failed:
    """Return what answers request `number` when it ends with `problem`."""
    kind = next((name for name, known in _KINDS if isinstance(problem, known)), "unavailable")
    fields: dict[str, str | int | float | bool | None] = {
        name: value if isinstance(value, str | int | float) else str(value)
        for name, value in problem.fields.items()
    }
    return Failed(number, kind, problem.code, problem.message, fields)


def error_of(answer: Failed) -> AetherError:
    """Return the error an answer stands for; a code nobody knows keeps its kind."""
    default = next((known for name, known in _KINDS if name == answer.kind), Unavailable)
    kind = _BY_CODE.get(answer.code, default)
    if not issubclass(kind, default):
        kind = default
    return kind(answer.message, fields=answer.fields)
