"""Laws of healing: clusters in which nodes die, providers fail and leaders change."""

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from aether.core.control.healing import RULES, heal
from aether.core.control.signals import ControlSettings, Heard, Signals
from aether.core.control.waiting import Waiting
from aether.core.model.ids import NodeId
from aether.core.model.plan import DropProvision, Provision, carry_out
from aether.core.model.provision_records import ProvisionRecord
from aether.core.model.records import NodeRecord, TopologyRecord, Verdict, VerdictRecord
from aether.core.model.view import ClusterView
from tests.worlds import node_record, nodes

SETTINGS = ControlSettings(has_provider=True)
HAPPENINGS = ("wait", "wait", "die", "return", "appear", "fail", "leader", "remove")


@dataclass
class Life:
    """A cluster over time; what happens to it is drawn."""

    view: ClusterView
    draw: st.DataObject
    now: float = 1000.0
    reign: float = 0.0
    silent: dict[NodeId, float] = field(default_factory=dict)
    since: dict[NodeId, tuple[ProvisionRecord, float]] = field(default_factory=dict)

    def signals(self) -> Signals:
        self.since = {
            node: known
            if (known := self.since.get(node)) and known[0] == record
            else (record, self.now)
            for node, record in self.view.provisions.items()
        }
        return Signals(
            reign_began=self.reign,
            heard={
                node: Heard(record.incarnation, self.silent.get(node, self.now))
                for node, record in self.view.nodes.items()
            },
            provision_since={node: at for node, (_, at) in self.since.items()},
        )

    def step(self) -> list[Provision | DropProvision | Waiting]:
        steps = list(heal(self.view, self.signals(), SETTINGS, self.now))
        commands = [step for step in steps if not isinstance(step, Waiting)]
        self.view = carry_out(self.view, commands)
        return steps

    def happen(self, what: str) -> None:
        alive = [node for node in sorted(self.view.nodes) if node not in self.silent]
        self.now += self.draw.draw(st.sampled_from([0.5, 3.0, 20.0, 90.0, 400.0]))
        match what:
            case "die" if alive:
                node = self.draw.draw(st.sampled_from(alive))
                self.silent[node] = self.now
                self.judge(node, Verdict.LOST)
            case "return" if self.silent:
                node = self.draw.draw(st.sampled_from(sorted(self.silent)))
                del self.silent[node]
                self.judge(node, Verdict.ON_DUTY)
            case "appear" if self.view.provisions:
                self.add(min(self.view.provisions))
            case "fail" if self.view.provisions:
                node, record = min(self.view.provisions.items())
                failed = replace(record, attempt=record.attempt + 1, problem="no")
                self.view = replace(self.view, provisions={node: failed})
            case "leader":
                self.reign = self.now
                self.since.clear()
            case "remove" if self.silent:
                node = min(self.silent)
                del self.silent[node]
                self.view = replace(
                    self.view,
                    nodes=without(self.view.nodes, node),
                    verdicts={k: v for k, v in self.view.verdicts.items() if k != node},
                )

    def judge(self, node: NodeId, verdict: Verdict) -> None:
        judged = VerdictRecord(verdict=verdict, incarnation="life-1")
        self.view = replace(self.view, verdicts={**self.view.verdicts, node: judged})

    def add(self, node: NodeId) -> None:
        self.view = replace(self.view, nodes={**self.view.nodes, node: node_record(node)})
        self.silent.pop(node, None)
        self.judge(node, Verdict.ON_DUTY)


def without(records: object, node: NodeId) -> dict[NodeId, NodeRecord]:
    assert isinstance(records, dict)
    return {name: record for name, record in records.items() if name != node}


@st.composite
def lives(draw: st.DrawFn) -> tuple[ClusterView, list[str]]:
    names = [f"n-{number}" for number in range(1, draw(st.integers(1, 5)) + 1)]
    wanted = draw(st.integers(1, 6))
    topology = TopologyRecord(nodes=wanted, max_nodes=wanted + draw(st.integers(0, 4)))
    view = replace(nodes(*names), topology=topology)
    return view, draw(st.lists(st.sampled_from(HAPPENINGS), max_size=30))


@given(lives(), st.data())
def test_nodes_that_exist_and_are_asked_for_never_exceed_the_most(
    made: tuple[ClusterView, list[str]], data: st.DataObject
) -> None:
    life = Life(made[0], data)
    assert life.view.topology is not None
    bound = max(life.view.topology.max_nodes, len(life.view.nodes))
    for what in made[1]:
        life.happen(what)
        life.step()
        assert len({*life.view.nodes, *life.view.provisions}) <= bound


@given(lives(), st.data())
def test_one_at_a_time_whoever_leads_and_never_a_name_that_is_taken(
    made: tuple[ClusterView, list[str]], data: st.DataObject
) -> None:
    life = Life(made[0], data)
    for what in made[1]:
        life.happen(what)
        before, steps = life.view, life.step()
        asked = [step for step in steps if isinstance(step, Provision)]
        assert not {step.node for step in asked} & (set(before.nodes) - set(before.provisions))
        assert len(life.view.provisions) <= 1
        if asked:
            assert not any(isinstance(step, Provision) for step in life.step()), "twice is once"


@given(lives(), st.data())
def test_only_a_node_that_was_asked_for_is_the_providers(
    made: tuple[ClusterView, list[str]], data: st.DataObject
) -> None:
    life, asked = Life(made[0], data), set[NodeId]()
    for what in made[1]:
        life.happen(what)
        asked |= {step.node for step in life.step() if isinstance(step, Provision)}
        listed = set(life.view.provisioned)
        assert set(life.view.provisions) <= listed <= asked


@given(lives(), st.data(), st.booleans())
def test_nobody_is_asked_without_a_topology_or_without_a_provider(
    made: tuple[ClusterView, list[str]], data: st.DataObject, bare: bool
) -> None:
    life = Life(made[0], data)
    for what in made[1]:
        life.happen(what)
        life.step()
        view = replace(life.view, topology=None) if bare else life.view
        chosen = SETTINGS if bare else ControlSettings(has_provider=False)
        for step in heal(view, life.signals(), chosen, life.now):
            assert not isinstance(step, Provision)


@given(lives(), st.data())
def test_each_reason_gives_the_same_decision_again(
    made: tuple[ClusterView, list[str]], data: st.DataObject
) -> None:
    life = Life(made[0], data)
    for what in made[1]:
        life.happen(what)
        for step in life.step():
            if not isinstance(step, Waiting):
                inputs = step.because.inputs
                assert RULES[step.because.rule](inputs) == inputs["decision"]


@settings(max_examples=50)
@given(lives(), st.data())
def test_with_a_provider_that_works_the_cluster_becomes_as_large_as_wanted(
    made: tuple[ClusterView, list[str]], data: st.DataObject
) -> None:
    life = Life(made[0], data)
    for what in made[1]:
        life.happen(what)
        life.step()
    assert life.view.topology is not None
    for _ in range(30):
        life.now += 400.0
        life.step()
        for node in life.view.provisions:
            life.add(node)
    alive = len(life.view.nodes) - len(life.silent)
    room = life.view.topology.max_nodes - len(life.view.nodes)
    assert alive >= life.view.topology.nodes or room <= 0
    assert not life.view.provisions
