"""A reason that does not lead to its decision again is found."""

from aether.core.control.replay import RULES
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.records import Verdict, VerdictRecord, encode
from aether.core.store.commands import Put
from aether_forge.sim.control.reasons import Reasons
from tests.unit.sim_control.court import Session

PUT = Put(
    keys.verdict(NodeId("n1")), encode(VerdictRecord(verdict=Verdict.LOST, incarnation="life-1"))
)


def test_a_decision_without_its_inputs_cannot_be_made_again() -> None:
    session = Session()
    session.judges = [Reasons(session.court)]
    assert "judge" in RULES
    assert "judge" in session.commit("leader:n1", "judge", PUT)[0]


def test_what_others_write_and_rules_without_replay_are_left_alone() -> None:
    session = Session()
    session.judges = [Reasons(session.court)]
    assert session.commit("node:n1", "phase", PUT) == []
    assert session.commit("leader:n1", "lead", PUT) == []
    assert session.commit("leader:n1", "nothing known", PUT) == []
    assert session.court.counts == {"no rule to make nothing known again": 1}
