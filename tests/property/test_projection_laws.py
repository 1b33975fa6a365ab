"""Laws of the projector: whatever happens to the store, it sees what a fresh look sees."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from aether.control.signal_board import SignalBoard
from aether.core.control.reconcile import reconcile
from aether.core.control.signals import ControlSettings
from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import carry_out
from aether.core.model.projection import Projector
from aether.core.model.records import (
    BlueprintRecord,
    RouteRecord,
    Verdict,
    VerdictRecord,
    encode,
)
from aether.core.model.view import ClusterView, project
from tests.worlds import APP, SHOP, STOCK, fact, node_record, spec, target, wish

NAMES = ("n1", "n2", "n3")
INSTANCES = tuple(
    InstanceId(f"{base}:{version}/{number}")
    for base in (SHOP, STOCK)
    for version in ("1.0.0", "1.1.0")
    for number in range(3)
)

names = st.sampled_from(NAMES)
lives = st.sampled_from(("life-1", "life-2"))


def _blueprint(generation: int, count: int) -> bytes:
    slices = (spec(f"{SHOP}:1.1.0", count), spec(f"{STOCK}:1.0.0", 1, needs=[SHOP]))
    artifact = slices[0].artifact.of(APP, "1.0.0")
    return encode(BlueprintRecord(id=artifact, generation=generation, slices=slices))


def _verdict(verdict: Verdict, life: str) -> bytes:
    return encode(VerdictRecord(verdict=verdict, incarnation=life))


placed_keys = st.tuples(names, st.sampled_from(INSTANCES))
changes = st.one_of(
    st.builds(lambda n, i: (keys.node(NodeId(n)), encode(node_record(n, i))), names, lives),
    st.builds(
        lambda n, v, i: (keys.verdict(NodeId(n)), _verdict(v, i)),
        names,
        st.sampled_from(Verdict),
        lives,
    ),
    st.builds(
        lambda g, c: (keys.blueprint(APP), _blueprint(g, c)),
        st.integers(1, 3),
        st.integers(0, 4),
    ),
    st.builds(
        lambda b, c: (keys.target(b), encode(target(instances=c))),
        st.sampled_from((SHOP, STOCK)),
        st.integers(0, 4),
    ),
    st.builds(
        lambda p, d, g, a: (keys.wanted(NodeId(p[0]), p[1]), encode(wish(d, g, a))),
        placed_keys,
        st.sampled_from(Desired),
        st.integers(1, 3),
        st.integers(0, 2),
    ),
    st.builds(
        lambda p, s, g, i: (keys.phase(NodeId(p[0]), p[1]), encode(fact(s, g, i))),
        placed_keys,
        st.sampled_from(Phase),
        st.integers(1, 3),
        lives,
    ),
    st.builds(
        lambda b: (
            keys.route("GET", "/"),
            encode(RouteRecord(slice=b, timeout_s=1.0, body_limit=1)),
        ),
        st.sampled_from((SHOP, STOCK)),
    ),
    st.sampled_from(
        [
            ("node/n1", b"{"),
            ("wanted/n1", encode(wish())),
            ("phase/n1/no", encode(fact())),
            (f"phase/n2/{INSTANCES[0]}", b"[]"),
            ("app/x:y/z", b"1"),
            ("config/cluster/tint", b'{"value":7}'),
        ]
    ),
)
steps = st.one_of(changes, st.builds(lambda change: (change[0], None), changes))
histories = st.lists(st.lists(steps, max_size=6), min_size=1, max_size=8)

Entries = list[tuple[str, bytes, int]]


def looks(history: Sequence[Sequence[tuple[str, bytes | None]]]) -> list[tuple[Entries, int]]:
    """The entries, sorted by key, and the revision after each batch of writes."""
    held: dict[str, tuple[bytes, int]] = {}
    revision, found = 0, list[tuple[Entries, int]]()
    for batch in history:
        for key, value in batch:
            revision += 1
            if value is None:
                held.pop(key, None)
            else:
                held[key] = (value, revision)
        found.append(([(key, *held[key]) for key in sorted(held)], revision))
    return found


def assert_same(one: ClusterView, other: ClusterView) -> None:
    assert one == other
    assert repr(one) == repr(other)  # the order of every table too


@given(histories)
def test_the_view_is_that_of_a_fresh_look(
    history: list[list[tuple[str, bytes | None]]],
) -> None:
    projector = Projector()
    for entries, revision in looks(history):
        assert_same(projector.project(entries, revision), project(entries, revision))


@given(histories)
def test_plans_do_not_depend_on_how_the_store_was_read(
    history: list[list[tuple[str, bytes | None]]],
) -> None:
    projector, settings = Projector(), ControlSettings()
    kept, fresh = SignalBoard(), SignalBoard()
    for now, (entries, revision) in enumerate(looks(history)):
        plans = []
        for board, view in (
            (kept, projector.project(entries, revision)),
            (fresh, project(entries, revision)),
        ):
            for node, record in sorted(view.nodes.items()):
                if node != "n2":
                    board.hear(node, record.incarnation, float(now))
            signals = board.look(view, float(now * 20))
            plan = reconcile(view, signals, settings, float(now * 20))
            board.note_plan(float(now * 20), empty=not plan.commands)
            plans.append((signals, plan))
        assert plans[0] == plans[1]


@given(histories)
def test_a_view_never_changes_after_it_was_handed_out(
    history: list[list[tuple[str, bytes | None]]],
) -> None:
    projector, seen = Projector(), list[tuple[ClusterView, str]]()
    for entries, revision in looks(history):
        view = projector.project(entries, revision)
        seen.append((view, repr(view)))
    assert all(repr(view) == was for view, was in seen)
    assert seen[-1][0].revision == looks(history)[-1][1]


@given(histories, st.integers(0, 7))
def test_what_was_read_of_a_store_that_was_restored_is_read_again(
    history: list[list[tuple[str, bytes | None]]], at: int
) -> None:
    seen = looks(history)
    projector = Projector()
    for entries, revision in seen:
        projector.project(entries, revision)
    entries, revision = seen[at % len(seen)]
    assert_same(projector.project(entries, revision), project(entries, revision))


def assert_same_slices(view: ClusterView) -> None:
    """The slices are those of a view that comes after no other, in the same order."""
    anew = replace(view).slices()
    assert list(view.slices().items()) == list(anew.items())
    for base, one in anew.items():
        assert (view.slices()[base].wanted, view.slices()[base].active) == (one.wanted, one.active)


@given(histories, st.lists(st.booleans(), min_size=8, max_size=8))
def test_slices_are_the_same_however_often_somebody_asked(
    history: list[list[tuple[str, bytes | None]]], asked: list[bool]
) -> None:
    projector, view = Projector(), ClusterView()
    for (entries, revision), asks in zip(looks(history), asked, strict=False):
        view = projector.project(entries, revision)
        if asks:
            assert_same_slices(view)
    assert_same_slices(view)


@given(histories)
def test_slices_follow_a_plan(history: list[list[tuple[str, bytes | None]]]) -> None:
    projector, settings = Projector(), ControlSettings()
    for now, (entries, revision) in enumerate(looks(history)):
        view = projector.project(entries, revision)
        signals = SignalBoard().look(view, float(now))
        plan = reconcile(view, signals, settings, float(now))
        whole = carry_out(view, plan.commands)
        assert_same_slices(whole)
        step_by_step = view
        for command in plan.commands:
            step_by_step = carry_out(step_by_step, [command])
        assert_same_slices(step_by_step)
        assert step_by_step.slices() == whole.slices()
