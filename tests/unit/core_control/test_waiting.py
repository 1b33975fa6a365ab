"""What is left undone is said, and says which slice."""

from aether.core.control.convergence import converge
from aether.core.control.signals import ControlSettings
from aether.core.control.waiting import Waiting
from aether.core.model.records import Verdict
from tests.worlds import SHOP, all_heard, nodes, spec, target, with_blueprint


def test_a_sentence_names_the_slice_in_full() -> None:
    view = with_blueprint(nodes("n1", verdict=Verdict.LOST), spec(f"{SHOP}:1.0.0"))
    view = type(view)(nodes=view.nodes, blueprints=view.blueprints, targets={SHOP: target()})
    (step,) = converge(view, all_heard(view, 1.0), ControlSettings(), 1.0)
    assert isinstance(step, Waiting)
    assert step.text.startswith(f"{SHOP} lacks 1 of 1 instances")
