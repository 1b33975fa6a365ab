"""Laws of records that cannot be read: nothing is written over them, and what they name is left alone."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from aether.core.control.lowering import lower
from aether.core.control.reconcile import reconcile
from aether.core.control.signals import ControlSettings
from aether.core.model import keys
from aether.core.model.ids import Artifact, NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Forget, Judge, Plan, Wish
from aether.core.model.records import (
    BlueprintRecord,
    SliceSpec,
    TargetRecord,
    Verdict,
    VerdictRecord,
    WantedRecord,
    encode,
)
from aether.core.model.view import ClusterView, project
from aether.core.store.commands import Delete, Put
from tests.worlds import all_heard, fact, node_record, placed

NODES = [NodeId(f"n{number}") for number in range(3)]
SLICES = [SliceBase(f"org.example:s{number}") for number in range(2)]
OWNER = SliceBase("org.example:app")


@st.composite
def stores(draw: st.DrawFn) -> dict[str, bytes]:
    """The records of a small cluster in any state."""
    listed = tuple(
        SliceSpec(artifact=Artifact(f"{base}:1.0.0"), instances=draw(st.integers(0, 3)))
        for base in SLICES
        if draw(st.booleans())
    )
    blueprint = BlueprintRecord(id=Artifact(f"{OWNER}:1.0.0"), generation=1, slices=listed)
    found: dict[str, object] = {keys.blueprint(OWNER): blueprint}
    for node in NODES:
        found[keys.node(node)] = node_record(node)
        verdict = draw(st.sampled_from(Verdict))
        found[keys.verdict(node)] = VerdictRecord(verdict=verdict, incarnation="life-1")
    for base in SLICES:
        found[keys.target(base)] = TargetRecord(
            version="1.0.0", instances=draw(st.integers(0, 3)), min_instances=0,
            max_instances=9, owner=OWNER, generation=draw(st.integers(0, 1)),
        )  # fmt: skip
        for ordinal in range(draw(st.integers(0, 3))):
            where = placed(draw(st.sampled_from(NODES)), f"{base}:1.0.0/{ordinal}")
            found[keys.wanted(*where)] = WantedRecord(
                desired=draw(st.sampled_from(Desired)), generation=2, target_generation=1
            )
            if draw(st.booleans()):
                found[keys.phase(*where)] = fact(draw(st.sampled_from(Phase)))
    return {key: encode(record) for key, record in found.items()}


def seen(store: dict[str, bytes], unreadable: set[str]) -> ClusterView:
    return project(
        ((key, b"[]" if key in unreadable else value, 1) for key, value in store.items()), 9
    )


def decided(view: ClusterView) -> Plan:
    return reconcile(view, all_heard(view, 5000.0), ControlSettings(), 5000.0)


def named(unreadable: set[str]) -> Iterator[str]:
    """Yield nodes and placed instances of which a record cannot be read."""
    for key in unreadable:
        family, _, rest = key.partition("/")
        if family in ("node", "verdict", "wanted", "phase"):
            yield rest


cases = stores().flatmap(
    lambda store: st.tuples(st.just(store), st.sets(st.sampled_from(sorted(store)), max_size=4))
)


@given(cases)
def test_no_record_that_cannot_be_read_is_written_over(
    case: tuple[dict[str, bytes], set[str]],
) -> None:
    store, unreadable = case
    view = seen(store, unreadable)
    for command in decided(view).commands:
        for operation in lower(command, view, 1).then:
            assert isinstance(operation, Put | Delete)
            assert operation.key not in unreadable


@given(cases)
def test_nodes_and_instances_that_cannot_be_read_are_left_alone(
    case: tuple[dict[str, bytes], set[str]],
) -> None:
    store, unreadable = case
    left_alone = set(named(unreadable))
    for command in decided(seen(store, unreadable)).commands:
        if isinstance(command, Judge):
            assert command.node not in left_alone
        if isinstance(command, Wish | Forget):
            assert command.node not in left_alone
            assert f"{command.node}/{command.instance}" not in left_alone


@given(cases)
def test_a_slice_whose_blueprint_cannot_be_read_is_never_removed(
    case: tuple[dict[str, bytes], set[str]],
) -> None:
    store, unreadable = case
    view = seen(store, {*unreadable, keys.blueprint(OWNER)})
    for command in decided(view).commands:
        assert "no blueprint asks for it" not in command.because.text
        assert command.because.rule != "target"


@given(cases)
def test_each_record_that_cannot_be_read_is_named(case: tuple[dict[str, bytes], set[str]]) -> None:
    store, unreadable = case
    told = " ".join(decided(seen(store, unreadable)).waiting)
    assert all(f"{key} cannot be read" in told for key in unreadable)
