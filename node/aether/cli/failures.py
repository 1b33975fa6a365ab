"""Why a command failed: a sentence, the problems behind it, what to do, and the exit code."""

from collections.abc import Mapping, Sequence
from typing import Any

from aether.cli.exits import ExitCode, exit_code_of_status
from aether.errors import AetherError, Conflict, Invalid, NotFound, OutcomeUnknown, Unavailable


class CliError(Exception):
    """A failure worth telling; `status` is 0 when no HTTP answer came."""

    exit_code = ExitCode.ERROR

    def __init__(
        self,
        message: str,
        *,
        problems: Sequence[str] = (),
        remedy: str = "",
        status: int = 0,
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)
        self.remedy = remedy
        self.status = status
        self.problem: Mapping[str, Any] = problem or {}
        """The problem+json document, when the server sent one."""

    @property
    def code(self) -> str:
        """The stable code of the server's problem; empty when it sent none."""
        return str(self.problem.get("code", ""))

    def lines(self) -> list[str]:
        """Return what is to be printed: the sentence, each problem, the remedy."""
        lines = [f"error: {self.message}", *(f"  {text}" for text in self.problems)]
        return [*lines, f"hint: {self.remedy}"] if self.remedy else lines


class InvalidInput(CliError):
    """The request itself must change."""

    exit_code = ExitCode.INVALID


class Missing(CliError):
    """The thing named does not exist."""

    exit_code = ExitCode.NOT_FOUND


class Refused(CliError):
    """The cluster may not do this as it stands."""

    exit_code = ExitCode.REFUSED


class Unreachable(CliError):
    """Nobody answered, not in time, or the outcome is unknown."""

    exit_code = ExitCode.UNAVAILABLE


_KINDS: Mapping[ExitCode, type[CliError]] = {
    kind.exit_code: kind for kind in (CliError, InvalidInput, Missing, Refused, Unreachable)
}

_REMEDIES: Mapping[str, str] = {
    "no_quorum": "more than half of the voters must live: see `aether node list`, then try again",
    "outcome_unknown": "it may have taken effect: look before you repeat it",
    "blueprint_invalid": "mend the places named and run the command again",
    "plan_changed": "make the plan again, look what is different, and use its digest",
    "not_recorded": "name a later moment, or another node with --endpoint: its chronicle may reach further",
    "quorum_at_risk": "mend or add a member first; --force REASON takes the last one to spare",
    "digest_mismatch": "the bytes changed on the way or the file was rebuilt: push it again",
}


def failure_of_answer(status: int, body: object) -> CliError:
    """Return the failure an HTTP answer stands for; `body` is its problem document, or text."""
    kind = _KINDS[exit_code_of_status(status)]
    if not isinstance(body, Mapping):
        text = str(body).strip()[:200] if isinstance(body, str) else ""
        return kind(
            f"HTTP {status}{': ' + text if text else ''}",
            remedy="is this the management API of a node? See --endpoint",
            status=status,
        )
    message, problems = _message_and_problems(body, status)
    remedy = _REMEDIES.get(str(body.get("code"))) or str(body.get("advice") or "")
    return kind(message, problems=problems, remedy=remedy, status=status, problem=body)


def _message_and_problems(body: Mapping[str, Any], status: int) -> tuple[str, list[str]]:
    """Tell a problem document's sentence from its list, saying nothing twice."""
    title = str(body.get("title") or f"HTTP {status}")
    detail = str(body.get("detail") or title)
    listed = body.get("problems")
    problems = [str(text) for text in listed] if isinstance(listed, list) else []
    if not problems:
        message, *problems = detail.splitlines()
        return message, problems
    if any(text not in detail for text in problems):
        return detail, problems
    return (detail, []) if len(problems) == 1 else (title, problems)


def failure_of_error(error: AetherError) -> CliError:
    """Return the failure for an error of our own parts, as of building a wheel."""
    message, *problems = error.message.splitlines() or [type(error).__name__]
    match error:
        case NotFound():
            kind: type[CliError] = Missing
        case Invalid():
            kind = InvalidInput
        case Conflict():
            kind = Refused
        case Unavailable() | OutcomeUnknown():
            kind = Unreachable
        case _:
            kind = CliError
    return kind(message, problems=problems, problem={"code": error.code, **error.fields})
