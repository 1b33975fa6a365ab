"""From targets to instances, case by case."""

from collections.abc import Sequence
from dataclasses import replace

from aether.core.control.convergence import Step, converge
from aether.core.control.orphans import drop_routes, forget_lost
from aether.core.control.signals import ControlSettings
from aether.core.control.waiting import Waiting
from aether.core.model.ids import InstanceId, NodeId, SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.plan import Wish
from aether.core.model.records import (
    Dependency,
    Failure,
    PhaseRecord,
    Route,
    RouteRecord,
    Verdict,
    VerdictRecord,
)
from aether.core.model.view import ClusterView
from tests.worlds import (
    SHOP,
    STOCK,
    all_heard,
    fact,
    nodes,
    spec,
    target,
    wish,
    with_blueprint,
    with_instance,
)

SETTINGS = ControlSettings()


def shop(
    view: ClusterView,
    *,
    instances: int = 1,
    version: str = "1.0.0",
    needs: Sequence[SliceBase] = (),
) -> ClusterView:
    view = with_blueprint(view, spec(f"{SHOP}:{version}", instances, needs))
    wanted = replace(
        target(version, instances), dependencies=tuple(Dependency(slice=n) for n in needs)
    )
    return replace(view, targets={SHOP: wanted})


def steps(view: ClusterView, now: float = 5000.0) -> list[Step]:
    return list(converge(view, all_heard(view, now), SETTINGS, now))


def text_of(step: Step) -> str:
    return step.text if isinstance(step, Waiting) else step.because.text


def wishes(view: ClusterView) -> list[tuple[str, str, Desired]]:
    return [
        (step.node, step.instance.rpartition("/")[2], step.record.desired)
        for step in steps(view)
        if isinstance(step, Wish)
    ]


def test_missing_instances_are_placed_apart() -> None:
    assert wishes(shop(nodes("n1", "n2"), instances=3)) == [
        ("n1", "0", Desired.LOAD),
        ("n2", "1", Desired.LOAD),
        ("n1", "2", Desired.LOAD),
    ]


def test_without_room_it_says_what_is_missing() -> None:
    (step,) = steps(shop(nodes("n1", verdict=Verdict.SUSPECT), instances=2))
    assert isinstance(step, Waiting)
    assert "lacks 2 of 2" in step.text


def test_a_loaded_instance_is_activated_when_what_it_needs_serves() -> None:
    view = shop(nodes("n1"), needs=[STOCK])
    view = with_instance(
        view, "n1", f"{SHOP}:1.0.0/0", wish(Desired.LOAD, 1), fact(Phase.LOADED, 1)
    )
    waiting = [step for step in steps(view) if isinstance(step, Waiting)]
    assert waiting
    assert str(STOCK) in waiting[0].text
    ready = with_instance(view, "n1", f"{STOCK}:1.0.0/0", wish(), fact())
    ready = replace(
        ready,
        targets={**ready.targets, STOCK: target()},
        blueprints=with_blueprint(
            nodes(), spec(f"{SHOP}:1.0.0"), spec(f"{STOCK}:1.0.0")
        ).blueprints,
    )
    assert wishes(ready) == [("n1", "0", Desired.ACTIVATE)]


def test_a_required_slice_is_removed_though_a_dependent_failed_while_it_was_activated() -> None:
    view = shop(nodes("n1", "n2"), instances=1, needs=[STOCK])
    wants = replace(view.targets[SHOP], on_dependency_loss="cascade")
    view = replace(view, targets={SHOP: wants, STOCK: target()})
    view = with_instance(view, "n2", f"{STOCK}:1.0.0/0", wish(), fact())
    fatal = Failure(kind="fatal", message="its route belongs to another slice")
    parked = replace(wish(Desired.DEACTIVATE, 3), parked=True)
    cases = [
        (wish(), fact(Phase.FAILED, failure=fatal), True),
        (parked, fact(Phase.LOADED, 3), True),
        (wish(), fact(Phase.FAILED, 1, failure=fatal), False),
        (wish(), fact(Phase.FAILED, incarnation="life-0", failure=fatal), False),
        (wish(), fact(Phase.ACTIVATING), False),
        (wish(), fact(), False),
    ]
    for asked, answer, goes in cases:
        told = steps(with_instance(view, "n1", f"{SHOP}:1.0.0/0", asked, answer))
        gone = [step.instance.base for step in told if isinstance(step, Wish)]
        assert (STOCK in gone) == goes, answer
        assert (f"{STOCK} is removed after {SHOP}, which need it" in map(text_of, told)) != goes


def test_surplus_ends_the_idle_first_then_the_crowded() -> None:
    view = shop(nodes("n1", "n2"), instances=1)
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    view = with_instance(
        view, "n2", f"{SHOP}:1.0.0/1", wish(Desired.LOAD, 1), fact(Phase.LOADING, 1)
    )
    assert wishes(view) == [("n2", "1", Desired.UNLOAD)]
    both = with_instance(view, "n2", f"{SHOP}:1.0.0/1", wish(), fact())
    both = with_instance(both, "n2", f"{STOCK}:1.0.0/0", wish(Desired.UNLOAD), fact())
    assert wishes(both) == [("n2", "1", Desired.DEACTIVATE)]


def test_an_old_version_goes_only_as_new_instances_serve() -> None:
    view = shop(nodes("n1", "n2"), instances=2, version="2.0.0")
    for node, ordinal in (("n1", 0), ("n2", 1)):
        view = with_instance(view, node, f"{SHOP}:1.0.0/{ordinal}", wish(), fact())
    assert {desired for _, _, desired in wishes(view)} == {Desired.LOAD}
    one_new = with_instance(view, "n1", f"{SHOP}:2.0.0/0", wish(), fact())
    one_new = with_instance(
        one_new, "n2", f"{SHOP}:2.0.0/1", wish(Desired.LOAD, 1), fact(Phase.LOADING, 1)
    )
    assert wishes(one_new) == [("n1", "0", Desired.DEACTIVATE)]


def beside_an_update(new: PhaseRecord | None) -> str:
    """Return where a slice is placed beside the update of another, of which one new instance is `new`."""
    post = SliceBase("org.example:post")
    view = shop(nodes("n1", "n2"), instances=3, version="2.0.0")
    for ordinal in range(3):
        view = with_instance(view, "n2", f"{SHOP}:1.0.0/{ordinal}", wish(), fact())
    if new is not None:
        loading = wish(Desired.LOAD, generation=new.observed_generation)
        view = with_instance(view, "n1", f"{SHOP}:2.0.0/0", loading, new)
    for ordinal in range(2):
        view = with_instance(view, "n1", f"{post}:1.0.0/{ordinal}", wish(), fact())
    specs = spec(f"{SHOP}:2.0.0", 3), spec(f"{post}:1.0.0", 2), spec(f"{STOCK}:1.0.0", 1)
    targets = {**view.targets, post: target(instances=2), STOCK: target(instances=1)}
    view = replace(with_blueprint(view, *specs), targets=targets)
    placed = [step for step in steps(view) if isinstance(step, Wish)]
    (stock,) = [wish for wish in placed if wish.instance.base == STOCK]
    return stock.node


def test_old_instances_make_their_node_no_fuller_than_it_will_be_without_them() -> None:
    assert beside_an_update(None) == "n2", "three leave it soon; two stay on n1"


def test_old_instances_count_when_the_update_has_failed_for_good() -> None:
    failure = Failure(kind="fatal", message="no such module")
    assert beside_an_update(fact(Phase.LOADING, 1)) == "n2"
    assert beside_an_update(fact(Phase.FAILED, 1, failure=failure)) == "n1"


def test_who_may_serve_is_no_idle_instance_to_end_first() -> None:
    view = shop(nodes("n1", "n2", "n3"), instances=1, version="2.0.0")
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(), fact(incarnation="life-0"))
    view = with_instance(view, "n2", f"{SHOP}:2.0.0/0", wish(), fact())
    assert wishes(view) == [], "the old one is looked at when its node has said what it does"
    two = shop(nodes("n1", "n2", "n3"), instances=1)
    two = with_instance(two, "n1", f"{SHOP}:1.0.0/0", wish(), fact(incarnation="life-0"))
    two = with_instance(two, "n2", f"{SHOP}:1.0.0/1", wish(Desired.LOAD, 1), fact(Phase.LOADING, 1))
    assert wishes(two) == [("n2", "1", Desired.UNLOAD)]


def test_changed_settings_replace_instances_like_a_new_version() -> None:
    view = shop(nodes("n1"), instances=1)
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    view = replace(view, targets={SHOP: replace(view.targets[SHOP], config={"currency": "EUR"})})
    (step,) = (step for step in steps(view) if isinstance(step, Wish))
    assert step.record.desired is Desired.LOAD
    assert step.record.config == {"currency": "EUR"}
    assert step.instance == f"{SHOP}:1.0.0/1"


def test_an_instance_on_its_way_out_is_not_called_back() -> None:
    view = shop(nodes("n1"), instances=1)
    leaving = wish(Desired.DEACTIVATE, 3)
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/0", leaving, fact(Phase.DEACTIVATING, 3))
    assert wishes(view) == [("n1", "1", Desired.LOAD)]


def test_a_move_ends_the_old_instance_when_the_new_one_serves() -> None:
    view = shop(nodes("n1", "n2"), instances=1)
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    moving = replace(wish(Desired.LOAD, 1), replaces=f"n1/{SHOP}:1.0.0/0")
    loading = with_instance(view, "n2", f"{SHOP}:1.0.0/1", moving, fact(Phase.LOADING, 1))
    assert wishes(loading) == []
    moved = replace(wish(Desired.ACTIVATE, 2), replaces=f"n1/{SHOP}:1.0.0/0")
    serving = with_instance(view, "n2", f"{SHOP}:1.0.0/1", moved, fact())
    assert wishes(serving) == [("n1", "0", Desired.DEACTIVATE)]


def doubted(view: ClusterView, node: str) -> ClusterView:
    suspect = VerdictRecord(verdict=Verdict.SUSPECT, incarnation="life-1")
    return replace(view, verdicts={**view.verdicts, NodeId(node): suspect})


def test_what_serves_does_not_go_on_the_word_of_a_silent_node() -> None:
    view = shop(nodes("n1", "n2", "n3"), instances=1)
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    moved = replace(wish(), replaces=f"n1/{SHOP}:1.0.0/0")
    view = with_instance(view, "n2", f"{SHOP}:1.0.0/1", moved, fact())
    assert wishes(view) == [("n1", "0", Desired.DEACTIVATE)]
    assert wishes(doubted(view, "n2")) == []
    assert wishes(doubted(view, "n1")) == [("n1", "0", Desired.DEACTIVATE)]


def test_an_update_does_not_count_on_a_silent_node() -> None:
    view = shop(nodes("n1", "n2", "n3"), instances=1, version="2.0.0")
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    view = with_instance(view, "n2", f"{SHOP}:2.0.0/0", wish(), fact())
    assert wishes(view) == [("n1", "0", Desired.DEACTIVATE)]
    assert wishes(doubted(view, "n2")) == []
    assert wishes(doubted(view, "n1")) == [("n1", "0", Desired.DEACTIVATE)]


def test_after_a_minute_of_service_failures_are_forgiven() -> None:
    view = shop(nodes("n1"))
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(attempt=3), fact())
    (step,) = steps(view)
    assert isinstance(step, Wish)
    assert step.record.attempt == 0


def test_instances_of_a_lost_node_are_forgotten_facts_included() -> None:
    view = with_instance(nodes("n1", verdict=Verdict.LOST), "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    (forgotten,) = forget_lost(view)
    assert forgotten.instance == InstanceId(f"{SHOP}:1.0.0/0")
    assert list(forget_lost(nodes("n1"))) == []


def test_a_route_goes_with_its_last_claimant_and_stays_while_one_may_come() -> None:
    route = Route(method="GET", pattern="/a")
    record = RouteRecord(slice=SHOP, timeout_s=1.0, body_limit=1)
    view = replace(shop(nodes("n1")), routes={("GET", "/a"): record})
    assert len(list(drop_routes(view))) == 1
    loading = with_instance(
        view, "n1", f"{SHOP}:1.0.0/0", wish(Desired.LOAD, 1), fact(Phase.LOADING, 1)
    )
    assert list(drop_routes(loading)) == []
    serving = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(), fact(routes=(route,)))
    assert list(drop_routes(serving)) == []
    without = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    assert len(list(drop_routes(without))) == 1


def test_what_a_node_gave_up_of_one_version_is_no_lesson_about_the_next() -> None:
    """Seed 4109: node-4 could not take a moved instance over, and was avoided by the next version."""
    view = shop(nodes("n1", "n2"), version="1.1.0", instances=2)
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    moved = replace(wish(attempt=4), replaces=f"n1/{SHOP}:1.0.0/0")
    failed = fact(Phase.FAILED, failure=Failure(kind="transient", message="it broke"))
    view = with_instance(view, "n2", f"{SHOP}:1.0.0/1", moved, failed)
    placed = [
        step
        for step in steps(view)
        if isinstance(step, Wish) and step.instance == f"{SHOP}:1.1.0/0"
    ]
    assert [step.record.tried for step in placed] == [()]


def test_who_may_serve_is_not_ended_as_one_that_does_not() -> None:
    """Seed 33: its node had begun a new life, and said that it serves before the end was committed."""
    view = shop(nodes("n1", "n2", "n3"), instances=3)
    view = replace(view, targets={SHOP: replace(view.targets[SHOP], min_available=3)})
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(), fact(Phase.ACTIVATING))
    view = with_instance(view, "n2", f"{SHOP}:1.0.0/1", wish(), fact())
    view = with_instance(view, "n3", f"{SHOP}:1.0.0/2", wish(), fact(incarnation="life-0"))
    moved = replace(wish(), replaces=f"n3/{SHOP}:1.0.0/2")
    view = with_instance(view, "n1", f"{SHOP}:1.0.0/3", moved, fact())
    ended = [step for step in steps(view) if isinstance(step, Wish)]
    assert [step.instance for step in ended] == []
    waits = [text_of(step) for step in steps(view)]
    assert any("stays on n3 though" in text for text in waits)
