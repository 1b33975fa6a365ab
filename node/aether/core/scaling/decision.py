"""The decision tree of scaling: a question in, the number of instances and the rule that set it out."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Literal, TypeAlias

import msgspec

from aether.core.scaling import wording
from aether.core.scaling.keeping import is_blind, why_kept
from aether.core.scaling.need import foreseen, planned, reactive, soon
from aether.core.scaling.question import Question

Kind: TypeAlias = Literal["up", "down", "hold"]
_HAS_WORK = 0.3
"""Utilisation below which instances answer slowly for reasons of their own."""
Ruling: TypeAlias = tuple[int, str]
"""Instances wanted, and the rule that says so."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How many instances are wanted and why; texts are made when somebody reads them."""

    wanted: int
    kind: Kind
    rule: str
    """`held`, `minimum`, `maximum`, `blind`, `load`, `headroom`, `forecast`, `release`, or why nothing changes: see `RULES`."""
    asked: Question

    @property
    def text(self) -> str:
        """One sentence with the values in it."""
        return wording.sentence(self.asked, self.wanted, self.rule)

    @property
    def inputs(self) -> Mapping[str, str]:
        """All the decision was made from, as JSON by name, and the decision: `replay` makes it again."""
        return {**wording.as_inputs(self.asked), "decision": told(self.wanted, self.rule)}

    @property
    def rejected(self) -> Mapping[str, str]:
        """What else might have been decided, and why it was not."""
        return wording.alternatives(self.asked, self.wanted)


RULES: Mapping[str, str] = {
    "held": "nothing may be changed now",
    "minimum": "fewer than the minimum were wanted",
    "maximum": "more than the maximum were wanted",
    "blind": "nothing is known about the load, or about what an instance can serve",
    "load": "the present load needs more",
    "headroom": "the load that may come while instances start, as learnt, needs more",
    "forecast": "the load that is forecast needs more",
    "slow": "answers take longer than is allowed, and instances have work",
    "limit": "more are needed, but bounds or the room on the nodes allow no more",
    "kept": "something speaks against giving anything up now",
    "failing": "requests fail: nothing is given up meanwhile",
    "release": "fewer have been enough for long, or will be by forecast",
    "steady": "what there is fits, or the difference is too small",
    "new": "the slice has not been watched for long enough to give anything up",
    "pause": "the last change was only just made",
}
"""Every rule and what it says."""


def decide(asked: Question) -> Ruling:
    """Return the number of instances wanted and the rule. Earlier rules win over later ones."""
    return _bounded(asked) or _loaded(asked)


def _bounded(asked: Question) -> Ruling | None:
    """Decide whatever the load is: where nothing may be changed, bounds are broken or nothing is known."""
    bounds, present = asked.bounds, asked.target
    most = max(bounds.maximum, bounds.minimum)
    if bounds.held:
        return present, "held"
    if not bounds.minimum <= present <= most:
        return (bounds.minimum, "minimum") if present < bounds.minimum else (most, "maximum")
    if is_blind(asked):
        return present, "blind"
    return None


def _loaded(asked: Question) -> Ruling:
    """Decide by the load, present and to come."""
    now, later = reactive(asked), soon(asked)
    need = max(now, later)
    if need > asked.target:
        return _more(asked, need, "load" if now >= later else _ahead(asked))
    return _faster(asked) if _slow(asked) else _fewer(asked, need)


def _ahead(asked: Question) -> str:
    """Return the rule that wants more than the present load does."""
    return "forecast" if asked.planned is None or asked.planned.quantile else "headroom"


def _slow(asked: Question) -> bool:
    """Say whether answers take too long for a reason more instances may cure: those there are have work."""
    most = asked.settings.latency_most_s
    if not most or asked.p95_s is None or asked.errors > asked.settings.errors_most:
        return False
    return asked.p95_s > most and (asked.busy is None or asked.busy >= _HAS_WORK)


def _faster(asked: Question) -> Ruling:
    """Grow by a quarter; again only once that has had time to show."""
    if asked.starting or asked.since_change_s < asked.settings.slow_s:
        return asked.target, "slow"
    return _more(asked, asked.target + max(1, asked.target // 4), "slow")


def _more(asked: Question, need: int, rule: str) -> Ruling:
    """Grow to the need, as far as bounds, room and the largest step allow."""
    present = asked.target
    step = max(present + 4, int(present * asked.settings.most_factor))
    wanted = min(need, step, asked.bounds.ceiling(present))
    return (wanted, rule) if wanted > present else (present, "limit")


def _fewer(asked: Question, now: int) -> Ruling:
    """Give up what has not been needed for long, and by the forecast will not be, in steps worth making."""
    settings, present = asked.settings, asked.target
    calm = asked.since_change_s >= settings.calm_s
    least = 1 if calm else max(1, ceil(present * settings.down_share))
    keep = max(now, asked.bounds.minimum, _kept(asked))
    if present - max(keep, 0 if calm else planned(asked, settings.down_margin)) < least:
        return present, "steady"
    if kept := why_kept(asked):
        return present, kept
    if asked.since_change_s < settings.down_interval_s:
        return present, "pause"
    return keep, "release"


def _kept(asked: Question) -> int:
    """Return the instances that must stay because of the past, or of the forecast."""
    if asked.planned is not None or not asked.ahead.counts:
        return asked.held_need
    later = foreseen(asked.ahead.later, asked)
    early = asked.settings.mode == "full" and bool(asked.capacity)
    return max(later, asked.recent_need if early else asked.held_need)


def decision_on(asked: Question) -> Decision:
    """Return the decision on a question."""
    wanted, rule = decide(asked)
    present = asked.target
    kind: Kind = "up" if wanted > present else "down" if wanted < present else "hold"
    return Decision(wanted, kind, rule, asked)


def told(wanted: int, rule: str) -> str:
    """Return a decision as the text that stands in its inputs: `6 load`."""
    return f"{wanted} {rule}"


def replay(inputs: Mapping[str, str]) -> str:
    """Make a decision again from its inputs; equal to their `decision`. ValueError when they are no such inputs."""
    try:
        fields = {
            name: msgspec.json.decode(text) for name, text in inputs.items() if name != "decision"
        }
        asked = msgspec.convert(fields, Question)
    except msgspec.MsgspecError as problem:
        raise ValueError(f"inputs that are no scaling question: {problem}") from problem
    return told(*decide(asked))
