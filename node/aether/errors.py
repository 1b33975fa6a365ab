"""Five kinds of errors, by who must act; each has a stable code, a sentence and fields.

In `aether.core` refusals are results, not exceptions; these are for the edges.
"""

from collections.abc import Mapping


class AetherError(Exception):
    """Base of the family; raise one of the five kinds below it."""

    code = "error"

    def __init__(self, message: str, *, fields: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields: Mapping[str, object] = dict(fields or {})


class Invalid(AetherError):
    """The caller must change the request; retrying it as it is cannot help."""

    code = "invalid"


class ConfigInvalid(Invalid):
    """A configuration with problems; `problems` lists all of them."""

    code = "config_invalid"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems), fields={"problems": problems})
        self.problems = problems


class BlueprintInvalid(Invalid):
    """A blueprint with problems; `problems` lists all of them, each with its place."""

    code = "blueprint_invalid"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems), fields={"problems": problems})
        self.problems = problems


class ArtifactInvalid(Invalid):
    """A wheel that cannot be a slice."""

    code = "artifact_invalid"


class DigestMismatch(ArtifactInvalid):
    """Bytes that are not the ones announced."""

    code = "digest_mismatch"


class TooLarge(Invalid):
    """More bytes or items than the limit named in the message."""

    code = "too_large"


class NotFound(Invalid):
    """The thing named does not exist."""

    code = "not_found"


class Conflict(AetherError):
    """The caller should look again: the world is not what the request assumed."""

    code = "conflict"


class NotLeader(Conflict):
    """Only the leader may do this."""

    code = "not_leader"


class Unavailable(AetherError):
    """Time heals this: retry with back-off."""

    code = "unavailable"


class NoQuorum(Unavailable):
    """No leader with a majority behind it answered in time; nothing was written."""

    code = "no_quorum"


class NoEndpoint(Unavailable):
    """No live instance can take the call."""

    code = "no_endpoint"


class OutcomeUnknown(AetherError):
    """Time ran out: the write may or may not take effect. Ask before deciding."""

    code = "outcome_unknown"


class SliceFailed(AetherError):
    """User code failed; the remote type and message travel as data."""

    code = "slice_failed"


class Bug(Exception):
    """An invariant is broken: ours to mend. Never caught but at the top, which stops the node."""
