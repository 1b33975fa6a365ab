"""Waits until a change is carried out, telling every step; it only watches.

Leaving it, by Ctrl-C or because time ran out, changes nothing in the cluster.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aether.cli.failures import CliError, Missing, Unreachable
from aether.cli.output import Output
from aether.cli.progress import Progress, news

CHANGE_TIMEOUT_S = 120.0
"""Longest wait for a change unless the caller says otherwise."""
PERIOD_S = 0.3
"""Between two looks."""
FAILURE_SETTLES_S = 3.0
"""How long FAILED must last to be believed.

The leader plans once a second: right after a change, instances of the state before still show.
"""


@dataclass(frozen=True, slots=True)
class Sight:
    """One look: what the API answered and what it means; no progress when nothing is left."""

    answer: Any
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class Wait:
    """What to wait for."""

    look: Callable[[float], Sight]
    """Asks the API, for at most so many seconds."""
    is_done: Callable[[Progress | None], bool]
    what: str
    """Names it in messages."""
    watch_on: str
    """The command that shows how it goes on."""
    timeout_s: float = CHANGE_TIMEOUT_S
    now: Callable[[], float] = field(default=time.monotonic)
    pause: Callable[[float], None] = field(default=time.sleep)


class DidNotWork(CliError):
    """What was waited for failed; `answer` is what the API said last."""

    def __init__(self, message: str, answer: object, **rest: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(message, **rest)
        self.answer = answer


def wait_until_done(wait: Wait, output: Output) -> Any:  # noqa: ANN401 - JSON values
    """Return the API's last answer once it is done.

    Raises DidNotWork when it FAILED, Unreachable when time ran out. A node that does not answer
    meanwhile is no reason to stop looking.
    """
    deadline = wait.now() + wait.timeout_s
    before: Progress | None = None
    failed_since: float | None = None
    silent: Unreachable | None = None
    try:
        while (remaining_s := deadline - wait.now()) > 0:
            try:
                sight = wait.look(remaining_s)
            except Unreachable as problem:
                if silent is None:
                    output.say(f"still waiting: {problem.message}")
                silent = problem
            else:
                silent = None
                _tell(before, sight.progress, output)
                if wait.is_done(sight.progress):
                    return sight.answer
                before = sight.progress
                failed_since = _failed_since(sight.progress, failed_since, wait.now())
                if failed_since is not None and wait.now() - failed_since >= FAILURE_SETTLES_S:
                    raise _failure(wait, sight)
            wait.pause(max(0.0, min(PERIOD_S, deadline - wait.now())))
    except KeyboardInterrupt:
        output.say(f"no longer watching {wait.what}; it goes on. Look again: {wait.watch_on}")
        raise
    raise _ran_out(wait, before, silent)


def _tell(before: Progress | None, after: Progress | None, output: Output) -> None:
    if after is not None:
        for line in news(before, after):
            output.say(line)


def _failed_since(progress: Progress | None, before: float | None, now: float) -> float | None:
    if progress is None or progress.state != "FAILED":
        return None
    return now if before is None else before


def _failure(wait: Wait, sight: Sight) -> DidNotWork:
    return DidNotWork(
        f"{wait.what} FAILED",
        sight.answer,
        problems=sight.progress.reasons if sight.progress else (),
        remedy=f"mend the cause and apply again; the whole picture: {wait.watch_on}",
    )


def _ran_out(wait: Wait, last: Progress | None, silent: Unreachable | None) -> Unreachable:
    state = f"last seen {last.state}" if last else "nothing seen of it yet"
    problems = list(last.reasons) if last else []
    if silent is not None:
        problems += [silent.message, *silent.problems]
    return Unreachable(
        f"{wait.what} is not done after {wait.timeout_s:g} s ({state}); it goes on",
        problems=problems,
        remedy=f"look again: {wait.watch_on}",
    )


def look_at(
    ask: Callable[[float], Any], read: Callable[[Mapping[str, Any]], Progress]
) -> Callable[[float], Sight]:
    """Return a look that takes "not found" for "nothing is left"."""

    def look(timeout_s: float) -> Sight:
        try:
            answer = ask(timeout_s)
        except Missing:
            return Sight(None, None)
        return Sight(answer, read(answer))

    return look
