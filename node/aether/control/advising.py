"""Asks the configured advisor what it proposes, and takes what the leader's own guards allow.

Runs on every node that has an advisor, and asks only while the node leads. In a dry run, which is the
default, proposals are shown among the decisions and nothing is done.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from aether.config.scaling_settings import advice_hold_s
from aether.control.scaling import Control, Judged, ScalingLoop
from aether.control.scaling_decisions import Taken
from aether.core.control import proposals
from aether.core.control.proposals import Asked, Proposal, read_answer
from aether.core.control.signals import ScaleWish
from aether.core.model import keys
from aether.core.model.ids import SliceBase
from aether.core.model.reason import Reason
from aether.core.model.view import ClusterView
from aether.core.scaling.keeping import is_blind
from aether.core.scaling.need import needed
from aether.core.scaling.wording import keeping
from aether.errors import AetherError
from aether.ports import Advisor, Clock

_log = structlog.get_logger()

ADVISOR = "advisor"
FORMAT = 1
"""Version of the figures an advisor is shown."""
_LONG_AGO_S = 1e9


class Advising:
    """The conversation with one advisor."""

    def __init__(
        self,
        loop: ScalingLoop,
        control: Control,
        advisor: Advisor,
        clock: Clock,
        *,
        interval_s: float,
        dry_run: bool,
    ) -> None:
        self._loop = loop
        self._control = control
        self._advisor = advisor
        self._clock = clock
        self._interval_s = interval_s
        self.dry_run = dry_run
        """Whether nothing is done by what it proposes."""
        self._taken_at: dict[SliceBase, float] = {}
        self.problem = ""
        """Why the last call brought nothing; empty when it did."""

    async def run(self) -> None:
        """Ask once an interval while this node leads, until cancelled."""
        while True:
            await self._clock.sleep(self._interval_s)
            if self._loop.leads and self._loop.judged:
                await self.ask()
            elif not self._loop.leads:
                self._taken_at.clear()

    async def ask(self) -> None:
        """Show the figures, read the answer, take what may be taken."""
        try:
            answer = await self._advisor.advise(figures_of(self._loop.judged))
            found = read_answer(answer)
        except (AetherError, ValueError) as problem:
            self.problem = str(problem)[:300]
            _log.warning("no advice", problem=self.problem)
            return
        self.problem = ""
        view = self._control.view()
        for proposal in found:
            self._consider(view, proposal)

    def _consider(self, view: ClusterView, proposal: Proposal) -> None:
        base = SliceBase(proposal.slice)
        judged, target = self._loop.judged.get(base), view.targets.get(base)
        if judged is None or target is None or target.scaling is None:
            _log.warning("advice about a slice that is not scaled", slice=proposal.slice[:100])
            return
        asked = self._question(base, proposal, judged, target.instances)
        decision = proposals.decide(asked)
        is_taken = decision == "take"
        text = f"{proposals.why(asked, decision)}{_said(proposal)}"
        inputs = proposals.inputs_of(asked, decision)
        if self._loop.decisions.is_news(base, ADVISOR, decision, asked.instances):
            self._note(base, asked, text, inputs, decision)
        if not is_taken or self.dry_run:
            return
        self._taken_at[base] = self._clock.now()
        because = Reason("", proposals.RULE, f"{base}: {text}", inputs)
        revision = view.revisions.get(keys.target(base), 0)
        wish = ScaleWish(
            instances=asked.instances,
            based_on=revision,
            generation=target.generation,
            because=because,
        )
        self._loop.advise(base, wish, advice_hold_s(view, base))

    def _question(self, base: SliceBase, proposal: Proposal, judged: Judged, target: int) -> Asked:
        asked, bounds = judged.decision.asked, judged.looked.bounds
        taken_at = self._taken_at.get(base)
        since = _LONG_AGO_S if taken_at is None else self._clock.now() - taken_at
        return Asked(
            instances=proposal.instances,
            target=target,
            least=bounds.minimum,
            most=bounds.maximum,
            room=bounds.room,
            need=0 if is_blind(asked) else needed(asked),
            keep=keeping(asked),
            held=bounds.held,
            since_advice_s=since,
            cooldown_s=judged.looked.settings.down_interval_s,
        )

    def _note(
        self, base: SliceBase, asked: Asked, text: str, inputs: Mapping[str, str], decision: str
    ) -> None:
        up = "up" if asked.instances > asked.target else "down"
        self._loop.note(
            Taken(
                number=0,
                at_ms=0,
                slice=base,
                actor=ADVISOR,
                before=asked.target,
                wanted=asked.instances,
                kind=up if decision == "take" else "hold",
                rule=proposals.RULE,
                text=text,
                inputs=inputs,
                rejected={},
                dry_run=self.dry_run,
            )
        )


def _said(proposal: Proposal) -> str:
    return f" ({proposal.reason})" if proposal.reason else ""


def figures_of(judged: Mapping[SliceBase, Judged]) -> bytes:
    """Return what an advisor is shown: the figures of every scaled slice, as JSON."""
    shown: list[dict[str, Any]] = []
    for base, one in sorted(judged.items()):
        seen, bounds, decision = one.looked.seen, one.looked.bounds, one.decision
        shown.append(
            {
                "slice": base,
                "instances": seen.target,
                "ready": seen.ready,
                "starting": seen.starting,
                "rate": seen.rate,
                "in_flight": seen.in_flight,
                "utilisation": seen.utilisation,
                "p95_s": seen.p95_s,
                "error_share": seen.error_share,
                "capacity_rps": decision.asked.capacity,
                "startup_s": seen.startup_s,
                "least": bounds.minimum,
                "most": bounds.maximum,
                "room": bounds.room,
                "held": bounds.held,
                "wanted": decision.wanted,
                "why": decision.text,
            }
        )
    return msgspec.json.encode({"format": FORMAT, "slices": shown})
