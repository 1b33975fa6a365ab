"""From blueprints to targets."""

from dataclasses import replace

from aether.core.control.targets import derive_targets, drop_targets, is_retired
from aether.core.model.plan import carry_out
from tests.worlds import APP, SHOP, fact, nodes, spec, target, wish, with_blueprint, with_instance


def test_a_new_blueprint_sets_a_target_for_each_slice() -> None:
    (step,) = derive_targets(with_blueprint(nodes("n1"), spec(f"{SHOP}:1.0.0", 3)))
    assert (step.base, step.record.version, step.record.instances) == (SHOP, "1.0.0", 3)
    assert step.record.owner == APP


def test_a_scaled_target_stays_until_the_blueprint_changes() -> None:
    view = replace(
        with_blueprint(nodes("n1"), spec(f"{SHOP}:1.0.0", 3)), targets={SHOP: target(instances=7)}
    )
    assert list(derive_targets(view)) == []
    changed = with_blueprint(view, spec(f"{SHOP}:1.0.0", 4), generation=2)
    (step,) = derive_targets(changed)
    assert step.record.instances == 4


def test_a_running_slice_of_another_blueprint_is_not_stolen() -> None:
    view = with_blueprint(nodes("n1"), spec(f"{SHOP}:1.0.0"))
    other = replace(target(), owner=SHOP)
    theirs = with_blueprint(nodes("n1"), spec(f"{SHOP}:1.0.0")).blueprints[APP]
    both = replace(view, targets={SHOP: other}, blueprints={**view.blueprints, SHOP: theirs})
    assert [step.record.owner for step in derive_targets(both)] == []


def test_a_slice_is_retired_when_no_blueprint_lists_it() -> None:
    view = carry_out(
        with_blueprint(nodes("n1"), spec(f"{SHOP}:1.0.0")),
        derive_targets(with_blueprint(nodes("n1"), spec(f"{SHOP}:1.0.0"))),
    )
    assert not is_retired(view, SHOP)
    assert is_retired(replace(view, blueprints={}), SHOP)
    assert is_retired(with_blueprint(view, spec("org.example:stock:1.0.0")), SHOP)
    assert is_retired(view, APP)


def test_a_retired_target_goes_with_its_last_instance_and_takes_data_only_when_asked() -> None:
    view = replace(nodes("n1"), targets={SHOP: replace(target(), purge=True)})
    (drop,) = drop_targets(view)
    assert (drop.base, drop.purge) == (SHOP, True)
    held = with_instance(view, "n1", f"{SHOP}:1.0.0/0", wish(), fact())
    assert list(drop_targets(held)) == []
