"""What the exit code of the command says, and which code an HTTP status stands for."""

from collections.abc import Mapping
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of `aether`; scripts depend on them, so they never change."""

    OK = 0
    ERROR = 1
    INVALID = 2
    """Wrong usage, or input the cluster calls invalid."""
    NOT_FOUND = 3
    REFUSED = 4
    """The cluster's state or its rules do not allow it."""
    UNAVAILABLE = 5
    """Nobody answered in time, or the outcome of the change is unknown."""
    INTERRUPTED = 130


_OF_STATUS: Mapping[int, ExitCode] = {
    400: ExitCode.INVALID,
    403: ExitCode.REFUSED,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.REFUSED,
    413: ExitCode.INVALID,
    415: ExitCode.INVALID,
    422: ExitCode.INVALID,
    502: ExitCode.UNAVAILABLE,
    503: ExitCode.UNAVAILABLE,
    504: ExitCode.UNAVAILABLE,
}


def exit_code_of_status(status: int) -> ExitCode:
    """Return the exit code for an HTTP status; one of no meaning to us is a plain error."""
    if 200 <= status < 300:
        return ExitCode.OK
    return _OF_STATUS.get(status, ExitCode.ERROR)
