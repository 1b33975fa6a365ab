"""Laws of judging nodes."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from aether.core.control.liveness import RULES, Standing, decide, judge_nodes, note_deafness
from aether.core.control.signals import ControlSettings, Heard, Signals
from aether.core.model.ids import NodeId
from aether.core.model.records import DrainOrder, Verdict, VerdictRecord
from aether.core.model.view import ClusterView
from tests.worlds import node_record, nodes

SETTINGS = ControlSettings(suspect_after_s=2.0, lost_after_s=5.0)
SEVERITY = {Verdict.JOINING: 0, Verdict.ON_DUTY: 0, Verdict.DRAINING: 0, Verdict.SUSPECT: 1}
"""How far from duty a verdict is; what is not named here is gone."""

orders = st.none() | st.builds(
    DrainOrder, by=st.just("api:anonymous"), shutdown=st.booleans(), force=st.booleans()
)
seconds = st.floats(0.0, 20.0, allow_nan=False).map(lambda value: round(value, 3))


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    life = draw(st.sampled_from(["life-1", "life-2"]))
    verdict = draw(st.none() | st.sampled_from(Verdict))
    silence = draw(seconds)
    # Who reported is silent since then at most: the report is one of the signs of life.
    reported = draw(st.none() | seconds.map(lambda more: round(silence + more, 3)))
    return Standing(
        life=life,
        verdict=verdict,
        judged_life="life-1" if verdict else "",
        drain=draw(orders) if verdict else None,
        reported_s=reported,
        silence_s=silence,
        suspect_after_s=SETTINGS.suspect_after_s,
        lost_after_s=SETTINGS.lost_after_s,
    )


def after(asked: Standing) -> Standing:
    """The same moment, once the verdict has been given."""
    given_ = decide(asked)
    return replace(
        asked, verdict=given_.verdict, judged_life=given_.incarnation, drain=given_.drain
    )


@given(standings())
def test_a_verdict_given_stands_until_something_changes(asked: Standing) -> None:
    settled = after(asked)
    if asked.verdict is None:
        settled = after(settled)  # a node unknown so far is JOINING first, whatever its silence
    assert decide(settled) == decide(after(settled))


@given(standings())
def test_no_verdict_changes_without_a_cause(asked: Standing) -> None:
    """The only causes: a first look, a report after doubt or of a new life, silence past a limit."""
    verdict = decide(asked)
    if asked.verdict is None or verdict.verdict is asked.verdict:
        return
    if verdict.verdict in (Verdict.SUSPECT, Verdict.LOST):
        limit = asked.lost_after_s if verdict.verdict is Verdict.LOST else asked.suspect_after_s
        assert asked.silence_s > limit
        assert not asked.reports
    else:
        assert asked.reports
        assert verdict.verdict is (Verdict.DRAINING if asked.drain else Verdict.ON_DUTY)


@given(standings(), seconds)
def test_more_silence_never_makes_a_verdict_better(asked: Standing, more: float) -> None:
    later = replace(asked, reported_s=None, silence_s=round(asked.silence_s + more, 3))
    now = replace(asked, reported_s=None)
    assert SEVERITY.get(decide(later).verdict, 2) >= SEVERITY.get(decide(now).verdict, 2)


@given(standings())
def test_an_order_to_drain_is_never_lost_nor_made(asked: Standing) -> None:
    order = decide(asked).drain
    if asked.drain is None:
        assert order is None
    else:
        assert order is not None
        assert (order.by, order.force) == (asked.drain.by, asked.drain.force)
        stopped = asked.verdict is Verdict.DECOMMISSIONED and asked.life != asked.judged_life
        assert order.shutdown == asked.drain.shutdown or (stopped and not order.shutdown)
        assert (
            decide(asked).verdict is not Verdict.ON_DUTY or decide(asked).verdict is asked.verdict
        )
        assert not (asked.reports and decide(asked).verdict is Verdict.ON_DUTY)


@given(standings())
def test_only_an_operator_brings_a_decommissioned_node_back(asked: Standing) -> None:
    out = replace(asked, verdict=Verdict.DECOMMISSIONED, judged_life="life-1")
    assert decide(out).verdict is Verdict.DECOMMISSIONED


@given(standings())
def test_only_the_present_life_puts_a_node_on_duty(asked: Standing) -> None:
    """Who heard an earlier life only has not heard the node."""
    record = node_record("n1", asked.life)
    verdicts = {}
    if asked.verdict is not None:
        present = VerdictRecord(
            verdict=asked.verdict, incarnation=asked.judged_life, drain=asked.drain
        )
        verdicts = {NodeId("n1"): present}
    view = ClusterView(nodes={NodeId("n1"): record}, verdicts=verdicts)
    signals = Signals(reign_began=0.0, heard={NodeId("n1"): Heard("another life", 100.0)})
    given_ = [c.record.verdict for c in judge_nodes(view, signals, SETTINGS, 100.0)]
    assert Verdict.ON_DUTY not in given_
    assert Verdict.DRAINING not in given_


@given(standings(), st.floats(0.0, 30.0, allow_nan=False))
def test_every_verdict_can_be_given_again_from_its_reason(asked: Standing, age: float) -> None:
    present = VerdictRecord(
        verdict=asked.verdict or Verdict.JOINING, incarnation="life-1", drain=asked.drain
    )
    names = [NodeId("n1"), NodeId("n2")]
    view = ClusterView(
        nodes={name: node_record(name, asked.life) for name in names},
        verdicts=dict.fromkeys(names, present),
    )
    signals = Signals(reign_began=0.0, heard={names[0]: Heard(asked.life, 100.0 - age)})
    judged = list(judge_nodes(view, signals, SETTINGS, 100.0))
    for command in judged:
        inputs = command.because.inputs
        assert RULES["judge"](inputs) == inputs["decision"] == command.record.verdict
    turned = replace(view, nodes=dict(reversed(list(view.nodes.items()))))
    assert list(judge_nodes(turned, signals, SETTINGS, 100.0)) == judged


@given(st.sets(st.sampled_from(["n1", "n2", "n3", "n4", "n5"])), st.sampled_from(list(Verdict)))
def test_who_hears_only_itself_gives_up_no_two_voters(heard: set[str], verdict: Verdict) -> None:
    names = [f"n{number}" for number in range(1, 6)]
    signals = Signals(
        reign_began=0.0,
        leader=NodeId("n1"),
        heard={NodeId(name): Heard("life-1", 99.5) for name in sorted(heard)},
    )
    view = nodes(*names, verdict=verdict)
    lost = [c for c in judge_nodes(view, signals, SETTINGS, 100.0) if c.record.verdict == "LOST"]
    said = list(note_deafness(view, signals, SETTINGS, 100.0))
    in_service = verdict in (Verdict.ON_DUTY, Verdict.SUSPECT, Verdict.DRAINING)
    assert bool(said) == (heard == {"n1"} and in_service)
    assert not (said and lost)
    assert not {c.node for c in lost} & {NodeId(name) for name in heard}


@given(st.sets(st.sampled_from(["n2", "n3", "n4", "n5"])))
def test_who_can_write_gives_up_no_voter_it_cannot_miss(others: set[str]) -> None:
    """Whoever the books call a voter: the leader hears itself alone, and the store knows who votes."""
    names = [f"n{number}" for number in range(1, 6)]
    signals = Signals(
        reign_began=0.0,
        leader=NodeId("n1"),
        voters=frozenset({NodeId("n1"), *(NodeId(name) for name in others)}),
        heard={NodeId("n1"): Heard("life-1", 99.5)},
    )
    view = nodes(*names)
    lost = {
        c.node for c in judge_nodes(view, signals, SETTINGS, 100.0) if c.record.verdict == "LOST"
    }
    said = list(note_deafness(view, signals, SETTINGS, 100.0))
    assert lost == (set() if others else {NodeId(name) for name in names[1:]})
    assert bool(said) == bool(others)
