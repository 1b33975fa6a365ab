"""How far a change has come, read from the API's answers, and what to tell of it. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aether.cli.failures import CliError

_COUNTS = re.compile(r"\d+ of \d+ instances serve|\d+ instances? on the way out")
"""Reasons that only count what the line has said already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceProgress:
    """One slice on its way."""

    base: str
    version: str
    owner: str
    wanted: int
    active: int
    instances: int
    """All that exist, those on their way in or out included."""
    has_failed: bool
    """Whether an instance is FAILED; it may yet be tried again."""
    reasons: tuple[str, ...] = ()
    """Why it is not whole, and what it has to do without."""

    @property
    def is_whole(self) -> bool:
        """Whether all wanted instances serve and no other is left."""
        return self.active == self.wanted == self.instances


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is waited for, as last seen."""

    state: str
    """A blueprint's state; a slice's own is DEPLOYED, DEPLOYING or FAILED too."""
    slices: tuple[SliceProgress, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not done."""
        return tuple(reason for slice_ in self.slices for reason in slice_.reasons)


def read_slice(answer: Mapping[str, Any]) -> SliceProgress:
    """Read a slice's status; raise CliError when the answer is not one."""
    try:
        return SliceProgress(
            base=str(answer["base"]),
            version=str(answer["version"]),
            owner=str(answer["owner"]),
            wanted=int(answer["wanted"]),
            active=int(answer["active"]),
            instances=len(answer["instances"]),
            has_failed=any(instance["phase"] == "FAILED" for instance in answer["instances"]),
            reasons=tuple(map(str, (*answer["reasons"], *answer.get("degraded", ())))),
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise CliError(f"the answer is not a slice's status: {str(answer)[:200]}") from problem


def read_blueprint(answer: Mapping[str, Any]) -> Progress:
    """Read a blueprint's status; raise CliError when the answer is not one."""
    try:
        return Progress(
            state=str(answer["state"]),
            slices=tuple(read_slice(slice_) for slice_ in answer["slices"]),
        )
    except (KeyError, TypeError) as problem:
        raise CliError(f"the answer is not a blueprint's status: {str(answer)[:200]}") from problem


def news(before: Progress | None, after: Progress) -> Iterator[str]:
    """Yield a line for every slice, and for the whole, that is not as it was before."""
    known = {slice_.base: slice_ for slice_ in before.slices} if before else {}
    for slice_ in after.slices:
        if known.get(slice_.base) != slice_:
            yield _slice_line(slice_)
    for base in sorted(known.keys() - {slice_.base for slice_ in after.slices}):
        yield f"{base} is gone"
    if before is None or before.state != after.state:
        yield after.state


def _slice_line(slice_: SliceProgress) -> str:
    line = f"{slice_.base}:{slice_.version} {slice_.active}/{slice_.wanted} serve"
    leaving = slice_.instances - slice_.wanted
    if leaving > 0:
        line += f", {leaving} more on the way out"
    telling = [reason for reason in slice_.reasons if not _COUNTS.fullmatch(reason)]
    return f"{line}: {'; '.join(telling)}" if telling else line


def degraded_lines(slices: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return what slices have to do without while they serve; nothing when they have all they need."""
    told = [f"  {text}" for slice_ in slices for text in slice_.get("degraded", ())]
    return ["", "degraded:", *told] if told else []
