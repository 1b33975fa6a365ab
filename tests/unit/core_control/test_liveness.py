"""Who is on duty, suspect or lost."""

from dataclasses import replace

from aether.core.control.liveness import is_gone, judge_nodes, may_host, note_deafness
from aether.core.control.signals import ControlSettings, Heard, Signals
from aether.core.model.ids import NodeId
from aether.core.model.records import DrainOrder, Verdict, VerdictRecord
from aether.core.model.view import ClusterView
from tests.worlds import node_record, nodes

SETTINGS = ControlSettings(suspect_after_s=2.0, lost_after_s=5.0)
N1 = NodeId("n1")


def judge(
    view: ClusterView,
    *,
    heard_at: float | None = None,
    incarnation: str = "life-1",
    now: float = 100.0,
    reign_began: float = 0.0,
    registered_at: float | None = None,
) -> list[Verdict]:
    heard = {} if heard_at is None else {N1: Heard(incarnation, heard_at)}
    registered = {} if registered_at is None else {N1: registered_at}
    signals = Signals(reign_began=reign_began, heard=heard, registered=registered)
    return [c.record.verdict for c in judge_nodes(view, signals, SETTINGS, now)]


def test_a_node_that_has_registered_and_not_reported_is_joining() -> None:
    unjudged = replace(nodes("n1"), verdicts={})
    assert judge(unjudged) == [Verdict.JOINING]


def test_the_first_report_puts_it_on_duty() -> None:
    assert judge(replace(nodes("n1"), verdicts={}), heard_at=99.5) == [Verdict.ON_DUTY]
    assert judge(nodes("n1", verdict=Verdict.JOINING), heard_at=99.5) == [Verdict.ON_DUTY]


def test_silence_makes_it_suspect_then_lost() -> None:
    view = nodes("n1")
    assert judge(view, heard_at=99.0) == []
    assert judge(view, heard_at=97.5) == [Verdict.SUSPECT]
    assert judge(view, heard_at=94.5) == [Verdict.LOST]


def test_a_new_leader_counts_silence_from_the_start_of_its_reign() -> None:
    view = nodes("n1")
    assert judge(view, now=100.0, reign_began=99.0) == []
    assert judge(view, now=100.0, reign_began=97.0) == [Verdict.SUSPECT]
    assert judge(view, heard_at=10.0, now=100.0, reign_began=99.0) == []


def test_a_report_of_an_earlier_life_puts_nobody_on_duty() -> None:
    reborn = replace(nodes("n1", verdict=Verdict.LOST), nodes={N1: node_record("n1", "life-2")})
    assert judge(reborn, heard_at=99.9, incarnation="life-1", reign_began=90.0) == []


def test_a_quick_restart_is_no_loss_in_whichever_order_its_signs_arrive() -> None:
    reborn = replace(nodes("n1"), nodes={N1: node_record("n1", "life-2")})
    assert judge(reborn, heard_at=99.0, incarnation="life-1", registered_at=100.0) == []
    assert judge(nodes("n1"), heard_at=100.0, incarnation="life-2", registered_at=10.0) == []


def test_a_new_life_that_registers_and_never_reports_is_lost_in_the_end() -> None:
    reborn = replace(nodes("n1"), nodes={N1: node_record("n1", "life-2")})
    assert judge(reborn, heard_at=90.0, incarnation="life-1", registered_at=97.5) == [
        Verdict.SUSPECT
    ]
    assert judge(reborn, heard_at=90.0, incarnation="life-1", registered_at=94.5) == [Verdict.LOST]


def test_a_node_that_joins_late_in_a_reign_has_its_time_to_report() -> None:
    assert judge(nodes("n1", verdict=Verdict.JOINING), registered_at=99.0) == []


def test_a_report_from_an_earlier_reign_brings_no_lost_node_back() -> None:
    lost = nodes("n1", verdict=Verdict.LOST)
    assert judge(lost, heard_at=10.0, reign_began=99.9) == []


def test_a_lost_node_that_reports_is_on_duty_again() -> None:
    assert judge(nodes("n1", verdict=Verdict.LOST), heard_at=99.9) == [Verdict.ON_DUTY]


def test_a_restart_that_nobody_missed_still_changes_the_life_on_record() -> None:
    view = replace(nodes("n1"), nodes={N1: node_record("n1", "life-2")})
    assert judge(view, heard_at=99.9, incarnation="life-2") == [Verdict.ON_DUTY]


def test_draining_stays_draining_while_the_node_reports() -> None:
    assert judge(nodes("n1", verdict=Verdict.DRAINING), heard_at=99.9) == []


def test_only_nodes_on_duty_may_host_and_only_lost_ones_are_gone() -> None:
    assert may_host(nodes("n1"), N1)
    assert not may_host(nodes("n1", verdict=Verdict.SUSPECT), N1)
    assert not is_gone(nodes("n1", verdict=Verdict.SUSPECT), N1)
    assert is_gone(nodes("n1", verdict=Verdict.LOST), N1)
    assert is_gone(nodes("n2"), N1)


def ordered(verdict: Verdict, *, life: str = "life-1", shutdown: bool = False) -> ClusterView:
    """n1 with an order to drain; its verdict was given to life-1, it now lives as `life`."""
    order = DrainOrder(by="api:anonymous", shutdown=shutdown)
    judged = VerdictRecord(verdict=verdict, incarnation="life-1", drain=order)
    return replace(nodes("n1"), nodes={N1: node_record("n1", life)}, verdicts={N1: judged})


def judged(view: ClusterView, heard_at: float, life: str = "life-1") -> VerdictRecord | None:
    signals = Signals(reign_began=0.0, heard={N1: Heard(life, heard_at)})
    found = [command.record for command in judge_nodes(view, signals, SETTINGS, 100.0)]
    return found[0] if found else None


def test_an_order_to_drain_outlives_silence_loss_and_a_restart() -> None:
    doubted = judged(ordered(Verdict.DRAINING), 97.0)
    assert doubted is not None
    assert (doubted.verdict, doubted.drain is not None) == (Verdict.SUSPECT, True)
    lost = judged(replace(nodes("n1"), verdicts={N1: doubted}), 90.0)
    assert lost is not None
    assert (lost.verdict, lost.drain) == (Verdict.LOST, doubted.drain)
    back = judged(ordered(Verdict.LOST, life="life-2"), 99.9, "life-2")
    assert back is not None
    assert (back.verdict, back.incarnation) == (Verdict.DRAINING, "life-2")


def test_a_decommissioned_node_stays_so_and_its_next_life_is_not_stopped() -> None:
    assert judged(ordered(Verdict.DECOMMISSIONED, shutdown=True), 1.0) is None
    again = judged(ordered(Verdict.DECOMMISSIONED, life="life-2", shutdown=True), 99.9, "life-2")
    assert again == VerdictRecord(
        verdict=Verdict.DECOMMISSIONED, incarnation="life-2", drain=DrainOrder(by="api:anonymous")
    )


def test_a_drain_that_is_taken_back_gives_duty_with_the_next_report() -> None:
    assert judge(nodes("n1", verdict=Verdict.JOINING), heard_at=99.9) == [Verdict.ON_DUTY]


def heard_by_n1(view: ClusterView, *names: str, at: float = 99.5) -> Signals:
    heard = {NodeId(name): Heard("life-1", at) for name in names}
    return Signals(reign_began=0.0, leader=N1, heard=heard)


def verdicts_of(view: ClusterView, signals: Signals) -> dict[str, Verdict]:
    return {c.node: c.record.verdict for c in judge_nodes(view, signals, SETTINGS, 100.0)}


def test_a_leader_that_hears_itself_alone_gives_nobody_up_and_says_so() -> None:
    view = nodes("n1", "n2", "n3")
    signals = heard_by_n1(view, "n1")
    assert verdicts_of(view, signals) == {"n2": Verdict.SUSPECT, "n3": Verdict.SUSPECT}
    doubted = nodes("n1", "n2", "n3", verdict=Verdict.SUSPECT)
    assert verdicts_of(doubted, signals) == {"n1": Verdict.ON_DUTY}
    (waiting,) = note_deafness(doubted, signals, SETTINGS, 100.0)
    assert "n1 leads and hears nobody but itself: n2, n3" in waiting.text


def test_a_leader_that_votes_alone_gives_up_those_of_the_cluster_before() -> None:
    """A restored or recovered store has one voter, and in its books the nodes of the old cluster."""
    view = nodes("n1", "n2", "n3")
    alone = replace(heard_by_n1(view, "n1"), voters=frozenset({N1}))
    assert verdicts_of(view, alone) == {"n2": Verdict.LOST, "n3": Verdict.LOST}
    assert not list(note_deafness(view, alone, SETTINGS, 100.0))
    whole = replace(alone, voters=frozenset(view.nodes))
    assert verdicts_of(view, whole) == {"n2": Verdict.SUSPECT, "n3": Verdict.SUSPECT}


def test_of_two_voters_the_other_lives_while_the_leader_can_write_and_learners_may() -> None:
    """A learner's record says voter, for so it was started; only the store knows who votes."""
    view = nodes("n1", "n2", "n3")
    pair = replace(heard_by_n1(view, "n1"), voters=frozenset({N1, NodeId("n2")}))
    assert verdicts_of(view, pair) == {"n2": Verdict.SUSPECT, "n3": Verdict.SUSPECT}
    (waiting,) = note_deafness(view, pair, SETTINGS, 100.0)
    assert "hears nobody but itself: n2 cannot be gone" in waiting.text
    hears_the_learner = replace(pair, heard=heard_by_n1(view, "n1", "n3").heard)
    assert verdicts_of(view, hears_the_learner) == {"n2": Verdict.LOST}


def test_of_three_voters_one_may_be_alone_to_go() -> None:
    """Whether the other one was lost before, or has not registered yet."""
    view = nodes("n1", "n2", "n3")
    three = replace(heard_by_n1(view, "n1"), voters=frozenset(view.nodes))
    lost = replace(view.verdicts[NodeId("n3")], verdict=Verdict.LOST)
    without = replace(view, verdicts={**view.verdicts, NodeId("n3"): lost})
    assert verdicts_of(without, three) == {"n2": Verdict.LOST}
    unregistered = nodes("n1", "n2")
    assert verdicts_of(unregistered, three) == {"n2": Verdict.LOST}


def test_a_leader_that_hears_anybody_else_gives_the_silent_up() -> None:
    view = nodes("n1", "n2", "n3")
    signals = heard_by_n1(view, "n1", "n2")
    assert verdicts_of(view, signals) == {"n3": Verdict.LOST}
    assert not list(note_deafness(view, signals, SETTINGS, 100.0))


def test_the_last_other_voter_may_be_given_up_and_workers_too() -> None:
    pair = nodes("n1", "n2")
    assert verdicts_of(pair, heard_by_n1(pair, "n1")) == {"n2": Verdict.LOST}
    crowd = nodes("n1", "n2", "n3")
    workers = {node: replace(one, role="worker") for node, one in crowd.nodes.items()}
    alone = replace(crowd, nodes={**workers, N1: crowd.nodes[N1]})
    lost = {"n2": Verdict.LOST, "n3": Verdict.LOST}
    assert verdicts_of(alone, heard_by_n1(alone, "n1")) == lost
