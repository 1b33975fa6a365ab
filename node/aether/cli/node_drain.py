"""Waiting for a node to be empty, and what to tell of it meanwhile; it only watches."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aether.cli.failures import CliError, Missing, Refused, Unreachable
from aether.cli.output import Output
from aether.cli.tables import render_table, table_of
from aether.cli.waiting import PERIOD_S
from aether.core.model.wording import counted

DRAIN_TIMEOUT_S = 600.0
"""Longest wait for a drain unless the caller says otherwise."""

_COLUMNS: Mapping[str, str] = {
    "LEAVING": "instance",
    "PHASE": "phase",
    "REPLACED BY": "replacement",
    "ITS PHASE": "replacement_phase",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainWait:
    """What to wait for."""

    node: str
    ask: Callable[[float], Any]
    """Asks the API for the node, for at most so many seconds."""
    ends_with_stop: bool = False
    timeout_s: float = DRAIN_TIMEOUT_S
    now: Callable[[], float] = field(default=time.monotonic)
    pause: Callable[[float], None] = field(default=time.sleep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One look at a node that is being drained."""

    verdict: str
    hosted: int
    is_ordered: bool
    waiting: tuple[str, ...] = ()


def read_sight(answer: Mapping[str, Any]) -> Sight:
    """Read the API's answer about a node; raise CliError when it is something else."""
    try:
        progress = answer["progress"] or {}
        return Sight(
            verdict=str(answer["verdict"]),
            hosted=len(answer["hosted"]),
            is_ordered=answer["drain"] is not None,
            waiting=tuple(str(sentence) for sentence in progress.get("waiting", ())),
        )
    except (KeyError, TypeError, AttributeError) as problem:
        raise CliError(f"the answer is not a node: {str(answer)[:200]}") from problem


def drain_lines(answer: Mapping[str, Any]) -> list[str]:
    """Return what is to be seen of a drain on the screen of its node."""
    progress = answer["progress"]
    order, left = progress["order"], progress["remaining"]
    asked = [name for name in ("shutdown", "force") if order[name]]
    return [
        f"drain ordered by {order['by']}{' with ' + ', '.join(asked) if asked else ''}: "
        f"{counted(len(left), 'instance')} left",
        *(render_table(table_of(left, _COLUMNS)) if left else []),
        *(f"waiting: {sentence}" for sentence in progress["waiting"]),
    ]


def wait_until_drained(wait: DrainWait, output: Output) -> str:
    """Return a sentence once the node is DECOMMISSIONED.

    Raises Refused when the order is taken back meanwhile, Unreachable when time runs out. Nodes that
    do not answer are asked again: the one drained may be the one asked.
    """
    deadline = wait.now() + wait.timeout_s
    before: Sight | None = None
    try:
        while (left_s := deadline - wait.now()) > 0:
            sight = _look(wait, left_s, output)
            if sight is not None:
                for line in _news(wait.node, before, sight):
                    output.say(line)
                before = sight
                if sight.verdict == "DECOMMISSIONED":
                    return _done(wait)
                if not sight.is_ordered:
                    raise Refused(f"{wait.node} is {sight.verdict}: its drain was taken back")
            wait.pause(max(0.0, min(PERIOD_S, deadline - wait.now())))
    except KeyboardInterrupt:
        output.say(
            f"no longer watching {wait.node}; its drain goes on: aether node show {wait.node}"
        )
        raise
    raise Unreachable(
        f"{wait.node} is not empty after {wait.timeout_s:g} s; its drain goes on",
        problems=before.waiting if before and output.quiet else (),  # else they were told already
        remedy=f"look again: aether node show {wait.node}; take it back: aether node activate "
        f"{wait.node}",
    )


def _look(wait: DrainWait, left_s: float, output: Output) -> Sight | None:
    try:
        return read_sight(wait.ask(left_s))
    except Missing as problem:
        raise Refused(f"{wait.node} was removed meanwhile") from problem
    except Unreachable as problem:
        output.say(f"still waiting: {problem.message}")
        return None


def _done(wait: DrainWait) -> str:
    tail = ", and its process stops" if wait.ends_with_stop else ""
    return f"{wait.node} is drained{tail}"


def _news(node: str, before: Sight | None, after: Sight) -> Iterator[str]:
    if before is None or (before.verdict, before.hosted) != (after.verdict, after.hosted):
        yield f"{node} is {after.verdict}, {counted(after.hosted, 'instance')} left"
    for sentence in after.waiting:
        if before is None or sentence not in before.waiting:
            yield f"waiting: {sentence}"
