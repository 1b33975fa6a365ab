"""What the leader's scaling says of itself: as it stands, what it would do now, and what it has decided."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aether.config.runtime_settings import SETTINGS
from aether.config.scaling_settings import for_slice
from aether.control.advising import Advising
from aether.control.scaling import Control, Judged, ScalingLoop
from aether.control.scaling_decisions import Taken
from aether.core.control import evidence
from aether.core.control.replay import reevaluate
from aether.core.control.scaling import RULE
from aether.core.model.ids import SliceBase
from aether.core.model.reason import Reason
from aether.core.model.records import TargetRecord, to_plain
from aether.core.model.view import ClusterView
from aether.core.scaling.cluster_size import Crowding

NO_ROOM = (
    "not scaled by load: its blueprint names neither min_instances nor max_instances that differ from "
    "instances, or says enabled = false in [slices.scaling]"
)


class ScalingDesk:
    """Answers about the scaling of this node, which decides only while the node leads."""

    def __init__(
        self, loop: ScalingLoop, control: Control, advising: Advising | None = None
    ) -> None:
        self._loop = loop
        self._control = control
        self._advising = advising

    def status(self) -> dict[str, Any]:
        """Return how each slice stands as it was looked at last, and how many nodes load asks for."""
        view, judged = self._control.view(), self._loop.judged
        return {
            "slices": [
                _row(base, target, judged.get(base))
                for base, target in sorted(view.targets.items())
            ],
            "nodes": self._nodes(),
            "advisor": None
            if self._advising is None
            else {"dry_run": self._advising.dry_run, "problem": self._advising.problem},
        }

    async def evaluate(self) -> dict[str, Any]:
        """Return what would be decided now about each slice, with all of its reason; nothing is done."""
        found, nodes = await self._loop.evaluate(), self._nodes()
        return {"slices": await asyncio.to_thread(_all_evaluated, found), "nodes": nodes}

    def config(self, base: SliceBase | None) -> list[dict[str, Any]]:
        """Return the settings of scaling in force: of every scaled slice, or of one."""
        view = self._control.view()
        bases = [base] if base is not None else sorted(view.targets)
        return [
            _config(view.targets[one], one, _settings(view, one))
            for one in bases
            if one in view.targets
        ]

    def decisions(self, base: SliceBase | None, limit: int) -> list[dict[str, Any]]:
        """Return the last decisions, the newest first, each made again from its inputs.

        Some 0.1 ms each: call it in a thread.
        """
        found = self._loop.decisions.newest_first(base)
        return [_decision(taken) for taken, _ in zip(found, range(limit), strict=False)]

    def _nodes(self) -> dict[str, Any]:
        nodes = self._loop.nodes
        return {
            "wanted": nodes.decision.wanted,
            "wish": nodes.decision.wish,
            "text": nodes.decision.text,
            "seen": _plain_crowding(nodes.seen),
            "give_back": nodes.give_back,
        }


def _plain_crowding(seen: Crowding | None) -> dict[str, Any] | None:
    if seen is None:
        return None
    plain: dict[str, Any] = to_plain(seen)
    del plain["at"]  # of a clock that says nothing to people
    return plain


def _row(base: SliceBase, target: TargetRecord, judged: Judged | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "slice": base,
        "scaled": target.scaling is not None,
        "instances": target.instances,
        "scaled_by": target.scaled_by or "blueprint",
    }
    if target.scaling is None:
        return {**row, "text": NO_ROOM}
    row["bounds"] = {"least": target.scaling.least, "most": target.scaling.most}
    if judged is None:
        return {**row, "text": "not looked at yet: no figures have come since this node leads"}
    return {**row, **_figures(judged)}


def _figures(judged: Judged) -> dict[str, Any]:
    looked, decision = judged.looked, judged.decision
    seen = looked.seen
    return {
        "ready": seen.ready,
        "starting": seen.starting,
        "rate": seen.rate,
        "in_flight": seen.in_flight,
        "queue": seen.queue,
        "utilisation": seen.utilisation,
        "p95_s": seen.p95_s,
        "error_share": seen.error_share,
        "capacity_rps": decision.asked.capacity,
        "startup_s": seen.startup_s,
        "room": looked.bounds.room,
        "held": looked.bounds.held,
        "forecast": {"mode": looked.settings.mode.value, "state": decision.asked.ahead.state},
        "wanted": decision.wanted,
        "kind": decision.kind,
        "rule": f"{RULE}{decision.rule}",
        "text": decision.text,
    }


def _all_evaluated(found: Mapping[SliceBase, Judged]) -> list[dict[str, Any]]:
    return [_evaluated(base, judged) for base, judged in sorted(found.items())]


def _evaluated(base: SliceBase, judged: Judged) -> dict[str, Any]:
    decision = judged.decision
    return {
        "slice": base,
        "instances": decision.asked.target,
        **_figures(judged),
        "inputs": evidence.show(decision.inputs),
        "rejected": dict(decision.rejected),
    }


def _settings(view: ClusterView, base: SliceBase) -> list[dict[str, Any]]:
    rows = []
    for name in sorted(name for name in SETTINGS if name.startswith(RULE)):
        if "slice" in SETTINGS[name].scopes:
            found = for_slice(view, base, name)
            rows.append({"name": name, "value": found.value, "origin": found.origin})
    return rows


def _config(
    target: TargetRecord, base: SliceBase, settings: list[dict[str, Any]]
) -> dict[str, Any]:
    return {"slice": base, "scaling": to_plain(target.scaling), "settings": settings}


def _decision(taken: Taken) -> dict[str, Any]:
    reason = Reason(taken.actor, taken.rule, taken.text, taken.inputs, taken.rejected)
    plain: Mapping[str, Any] = to_plain(taken)
    return {
        **plain,
        "inputs": evidence.show(taken.inputs),
        "replayed": reevaluate(reason) == taken.inputs[evidence.DECISION],
    }
