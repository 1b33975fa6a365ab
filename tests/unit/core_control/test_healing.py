"""When a node is asked for, asked for again, given up and forgotten."""

from collections.abc import Iterable
from dataclasses import replace

from aether.core.control.healing import RULES, call_after_s, heal, next_name
from aether.core.control.signals import ControlSettings, Heard, Signals
from aether.core.control.waiting import Waiting
from aether.core.model.ids import NodeId
from aether.core.model.plan import DropProvision, Provision, carry_out
from aether.core.model.provision_records import ProvisionedRecord, ProvisionRecord
from aether.core.model.records import RemovedRecord, TopologyRecord, Verdict, VerdictRecord
from aether.core.model.view import ClusterView
from tests.worlds import node_record, nodes

NOW = 1000.0
SETTINGS = ControlSettings(has_provider=True)
N4 = NodeId("n-4")


def cluster(*names: str, lost: Iterable[str] = (), want: int = 3, most: int = 6) -> ClusterView:
    view = nodes(*names)
    gone = VerdictRecord(verdict=Verdict.LOST, incarnation="life-1")
    verdicts = {**view.verdicts, **{NodeId(name): gone for name in lost}}
    topology = TopologyRecord(nodes=want, max_nodes=most)
    return replace(view, verdicts=verdicts, topology=topology)


def asked(view: ClusterView, attempt: int = 0, problem: str = "") -> ClusterView:
    record = ProvisionRecord(node=N4, attempt=attempt, problem=problem)
    return replace(view, provisions={N4: record})


def signals(
    view: ClusterView, *, silent: Iterable[str] = (), silence: float = 60.0, age: float = 1.0
) -> Signals:
    return Signals(
        reign_began=0.0,
        heard={
            node: Heard(record.incarnation, NOW - silence if node in set(silent) else NOW)
            for node, record in view.nodes.items()
        },
        provision_since=dict.fromkeys(view.provisions, NOW - age),
    )


def healed(
    view: ClusterView,
    settings: ControlSettings = SETTINGS,
    *,
    silent: Iterable[str] = (),
    silence: float = 60.0,
    age: float = 1.0,
) -> list[Provision | DropProvision | Waiting]:
    seen = signals(view, silent=silent, silence=silence, age=age)
    return list(heal(view, seen, settings, NOW))


def sentence(steps: list[Provision | DropProvision | Waiting]) -> str:
    (step,) = steps
    assert isinstance(step, Waiting)
    return step.text


def record_of(steps: list[Provision | DropProvision | Waiting]) -> ProvisionRecord:
    (step,) = steps
    assert isinstance(step, Provision)
    return step.record


def test_without_a_topology_nothing_is_healed() -> None:
    view = replace(cluster("n-1", lost=("n-1",)), topology=None)
    assert healed(view, silent=("n-1",)) == []


def test_a_lost_node_is_replaced_under_a_new_name() -> None:
    view = cluster("n-1", "n-2", "n-3", lost=("n-3",))
    (step,) = healed(view, silent=("n-3",))
    assert isinstance(step, Provision)
    assert step.node == N4
    assert step.record == ProvisionRecord(node=N4)
    assert step.because.text == "2 of 3 nodes are there: ask for n-4"


def test_a_lost_node_may_come_back_for_a_while() -> None:
    view = cluster("n-1", "n-2", "n-3", lost=("n-3",))
    just_lost = SETTINGS.lost_after_s + 1
    assert healed(view, silent=("n-3",), silence=just_lost) == []
    assert healed(view, silent=("n-3",), silence=2 * SETTINGS.lost_after_s + 1) != []


def test_a_node_that_is_drained_is_replaced_and_one_in_doubt_is_not() -> None:
    view = cluster("n-1", "n-2", "n-3")
    for verdict, count in ((Verdict.DRAINING, 1), (Verdict.SUSPECT, 0), (Verdict.JOINING, 0)):
        judged = VerdictRecord(verdict=verdict, incarnation="life-1")
        seen = replace(view, verdicts={**view.verdicts, NodeId("n-3"): judged})
        assert len(healed(seen)) == count, verdict


def test_without_a_provider_it_says_so() -> None:
    view = cluster("n-1", "n-2")
    assert "no provider of nodes" in sentence(healed(view, ControlSettings()))
    assert sentence(healed(asked(view), ControlSettings())).startswith("n-4 is wanted")


def test_never_beyond_the_most_nodes() -> None:
    view = cluster("n-1", "n-2", "n-3", lost=("n-2", "n-3"), most=3)
    text = sentence(healed(view, silent=("n-2", "n-3")))
    assert text == (
        "1 of 3 nodes are there, and 3 exist, the most the topology allows; "
        "remove those that will not return: n-2, n-3"
    )


def test_one_node_is_asked_for_at_a_time() -> None:
    view = asked(cluster("n-1", want=5))
    assert sentence(healed(view)) == "n-4 has been asked for and is not on duty yet"


def test_who_does_not_appear_is_asked_for_again_then_given_up_then_forgiven() -> None:
    view = cluster("n-1", "n-2")
    late = SETTINGS.provision_timeout_s + 1
    again = record_of(healed(asked(view), age=late))
    assert (again.attempt, again.problem) == (1, "n-4 has not appeared in time")
    assert isinstance(healed(asked(view, 2), age=late)[0], Waiting), "its back-off counts too"
    assert record_of(healed(asked(view, 2), age=late + call_after_s(2, SETTINGS))).attempt == 3
    given_up = asked(view, SETTINGS.provision_tries, "no room")
    assert "given up after 5 tries" in sentence(healed(given_up, age=late))
    assert "no room" in sentence(healed(given_up, age=late))
    forgiven = healed(given_up, age=SETTINGS.provision_forgive_s + 1)
    assert record_of(forgiven) == ProvisionRecord(node=N4, attempt=0, problem="no room")


def test_a_record_goes_when_its_node_is_on_duty_or_needed_no_more() -> None:
    view = asked(cluster("n-1", "n-2", "n-3"))
    (step,) = healed(view)
    assert isinstance(step, DropProvision)
    assert step.because.text == "n-4 is not needed any more"
    (step,) = healed(asked(cluster("n-1", "n-2", "n-4")))
    assert isinstance(step, DropProvision)
    assert step.because.text == "n-4 is on duty"
    joining = replace(view, nodes={**view.nodes, N4: node_record("n-4")})
    assert isinstance(healed(joining)[0], Waiting), "who registers is waited for"


def dropped(steps: list[Provision | DropProvision | Waiting]) -> DropProvision:
    (step,) = steps
    assert isinstance(step, DropProvision)
    return step


def test_what_came_while_the_provider_was_asked_is_the_providers() -> None:
    here = cluster("n-1", "n-2", "n-4")
    for attempt in range(SETTINGS.provision_tries):
        assert not dropped(healed(asked(here, attempt))).is_by_hand


def test_what_an_operator_started_in_its_place_counts_as_joined_by_hand() -> None:
    here = cluster("n-1", "n-2", "n-4")
    given_up = dropped(healed(asked(here, SETTINGS.provision_tries, "no room")))
    assert given_up.is_by_hand
    assert given_up.because.text == (
        "n-4 is on duty; nobody was being asked for it, so it counts as joined by hand"
    )
    assert dropped(healed(asked(here), ControlSettings())).is_by_hand, "there is no provider"


def test_what_comes_after_its_request_was_dropped_is_the_providers_too() -> None:
    enough = cluster("n-1", "n-2", "n-3")
    for attempt in range(SETTINGS.provision_tries):
        view = replace(asked(enough, attempt), provisioned={N4: ProvisionedRecord(node=N4)})
        later = carry_out(view, [dropped(healed(view))])
        assert (set(later.provisions), set(later.provisioned)) == (set(), {N4})


def test_a_name_nobody_was_being_asked_for_is_free_for_an_operator() -> None:
    enough = cluster("n-1", "n-2", "n-3")
    assert dropped(healed(asked(enough, SETTINGS.provision_tries, "no room"))).is_by_hand
    assert dropped(healed(asked(enough), ControlSettings())).is_by_hand, "there is no provider"


def test_without_a_topology_what_was_asked_for_is_dropped() -> None:
    view = replace(asked(cluster("n-1")), topology=None)
    assert isinstance(healed(view)[0], DropProvision)


def test_names_are_numbered_on_and_never_used_twice() -> None:
    assert next_name(ClusterView()) == "node-1"
    assert next_name(nodes("a", "b")) == "node-1"
    assert next_name(nodes("web-1", "web-7", "db-9")) == "web-8"
    assert next_name(asked(nodes("n-1", "n-2"))) == "n-5"


def test_the_name_of_a_removed_node_is_not_given_again() -> None:
    """A machine that still has its data would come back under it, and be no member."""
    removed = {"n": RemovedRecord(highest=3), "other": RemovedRecord(highest=9)}
    assert next_name(replace(nodes("n-1", "n-2"), removed=removed)) == "n-4"
    assert next_name(replace(nodes("n-1", "n-7"), removed=removed)) == "n-8"


def test_the_first_call_is_at_once_and_later_ones_wait() -> None:
    assert [call_after_s(attempt, SETTINGS) for attempt in range(4)] == [0, 1, 2, 4]


def test_a_reason_can_be_evaluated_again() -> None:
    (step,) = healed(cluster("n-1", "n-2"))
    assert isinstance(step, Provision)
    assert RULES["provision"](step.because.inputs) == step.because.inputs["decision"]
    assert step.because.inputs["decision"] == "provision"
