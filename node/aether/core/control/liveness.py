"""Judging nodes: who reports is on duty, who is silent is doubted, then lost."""

from collections.abc import Iterator

from aether.core.control.signals import ControlSettings, Heard, Signals
from aether.core.model.ids import NodeId
from aether.core.model.plan import Judge
from aether.core.model.reason import Reason
from aether.core.model.records import NodeRecord, Verdict, VerdictRecord
from aether.core.model.view import ClusterView

_GONE = frozenset({Verdict.LOST, Verdict.DECOMMISSIONED})
_RETURNS = frozenset({Verdict.JOINING, Verdict.SUSPECT, Verdict.LOST})


def judge_nodes(
    view: ClusterView, signals: Signals, settings: ControlSettings, now: float
) -> Iterator[Judge]:
    """Yield the verdicts that change.

    Only a report of the node's present life, and a fresh one, puts it on duty. Silence counts from
    the last sign of any of its lives (`Signals.last_sign`): a node that has just been started
    again is not lost because its registration and its first report come one after the other.
    """
    for node, record in sorted(view.nodes.items()):
        silence = now - signals.last_sign(node)
        alive = _reports(signals.heard.get(node), record, settings, now)
        verdict = _verdict(view.verdicts.get(node), record, settings, silence, alive=alive)
        if verdict is not None and verdict != view.verdicts.get(node):
            yield Judge(node, verdict, _because(node, verdict, silence, settings))


def _reports(
    heard: Heard | None, record: NodeRecord, settings: ControlSettings, now: float
) -> bool:
    """Whether the present life has reported lately, whoever led then."""
    if heard is None or heard.incarnation != record.incarnation:
        return False
    return now - heard.at <= settings.suspect_after_s


def _verdict(
    present: VerdictRecord | None,
    record: NodeRecord,
    settings: ControlSettings,
    silence: float,
    *,
    alive: bool,
) -> VerdictRecord | None:
    """Return the verdict the node deserves now, or None when the present one stands."""
    if present is None:
        verdict = Verdict.ON_DUTY if alive else Verdict.JOINING
        return VerdictRecord(verdict=verdict, incarnation=record.incarnation)
    if alive:
        if present.verdict in _RETURNS or present.incarnation != record.incarnation:
            kept = present.verdict if present.verdict not in _RETURNS else Verdict.ON_DUTY
            return VerdictRecord(verdict=kept, incarnation=record.incarnation)
        return None
    if silence > settings.lost_after_s and present.verdict not in _GONE:
        return VerdictRecord(verdict=Verdict.LOST, incarnation=record.incarnation)
    if silence > settings.suspect_after_s and present.verdict is Verdict.ON_DUTY:
        return VerdictRecord(verdict=Verdict.SUSPECT, incarnation=record.incarnation)
    return None


def _because(
    node: NodeId, verdict: VerdictRecord, silence: float, settings: ControlSettings
) -> Reason:
    sentences = {
        Verdict.ON_DUTY: f"{node} reports, life {verdict.incarnation}",
        Verdict.JOINING: f"{node} has registered and not reported yet",
        Verdict.SUSPECT: f"{node} has been silent for more than {settings.suspect_after_s:g} s",
        Verdict.LOST: f"{node} has been silent for more than {settings.lost_after_s:g} s",
    }
    text = sentences.get(verdict.verdict, f"{node} came back as life {verdict.incarnation}")
    return Reason("", "judge", text, {"node": node, "silence_s": f"{silence:.1f}"})


def may_host(view: ClusterView, node: NodeId) -> bool:
    """Whether new instances may be placed on the node."""
    verdict = view.verdicts.get(node)
    return node in view.nodes and verdict is not None and verdict.verdict is Verdict.ON_DUTY


def is_gone(view: ClusterView, node: NodeId) -> bool:
    """Whether whatever ran on the node must be considered dead."""
    verdict = view.verdicts.get(node)
    return node not in view.nodes or (verdict is not None and verdict.verdict in _GONE)
