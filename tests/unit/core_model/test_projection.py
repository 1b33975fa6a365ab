"""The projector decodes what is new, forgets what is gone, and shares the rest."""

import pytest

from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.projection import Projector
from aether.core.model.records import encode
from aether.core.model.view import ClusterView, project
from tests.worlds import SHOP, fact, node_record, wish

N1, I0, I1 = NodeId("n1"), InstanceId(f"{SHOP}:1.0.0/0"), InstanceId(f"{SHOP}:1.0.0/1")
NODE = (keys.node(N1), encode(node_record("n1")), 1)
WISH = (keys.wanted(N1, I0), encode(wish()), 2)
FACT = (keys.phase(N1, I0), encode(fact()), 3)


def _count(view: ClusterView) -> int:
    return len(view.wanted)


def test_only_the_tables_that_changed_are_new() -> None:
    projector = Projector()
    first = projector.project([FACT, NODE, WISH], 3)
    again = (WISH[0], encode(wish(generation=7)), 4)
    second = projector.project([FACT, NODE, again], 4)
    assert second.wanted[N1, I0].generation == 7
    assert second.phases is first.phases
    assert second.nodes is first.nodes
    assert first.wanted[N1, I0].generation == 2


def test_what_was_asked_of_a_cluster_that_has_not_changed_is_not_asked_again() -> None:
    projector = Projector()
    first = projector.project([NODE, WISH], 3)
    serving = first.wanted_by_slice()
    second = projector.project([NODE, WISH], 9)
    assert second.revision == 9
    assert second.wanted_by_slice() is serving
    assert second.once(_count) == 1
    third = projector.project([NODE], 10)
    assert third.wanted_by_slice() == {}
    assert third.once(_count) == 0


def test_what_is_gone_is_forgotten_and_what_cannot_be_read_is_said_until_it_can() -> None:
    projector = Projector()
    broken = (WISH[0], b"{", 5)
    assert set(projector.project([FACT, broken], 5).unreadable) == {WISH[0]}
    mended = projector.project([FACT, (WISH[0], WISH[1], 6)], 6)
    assert mended.unreadable == {}
    assert mended == project([FACT, (WISH[0], WISH[1], 6)], 6)
    assert projector.project([], 7) == project([], 7)


def test_a_look_that_breaks_off_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    projector = Projector()
    projector.project([NODE, WISH], 2)
    for broken in ("aether.core.model.projection.decode", "aether.core.model.projection.assemble"):
        with monkeypatch.context() as patch:
            patch.setattr(broken, _break_off)
            with pytest.raises(RuntimeError, match="a bug"):
                projector.project([FACT, NODE, (WISH[0], encode(wish(generation=9)), 3)], 3)
        assert projector.project([FACT, NODE, WISH], 4) == project([FACT, NODE, WISH], 4)


def _break_off(*_: object) -> None:
    raise RuntimeError("a bug")


def test_a_wish_and_a_fact_of_one_instance_share_its_name() -> None:
    view = Projector().project([FACT, NODE, WISH, (keys.wanted(N1, I1), encode(wish()), 4)], 4)
    (of_fact,) = view.phases
    assert any(of_fact is of_wish for of_wish in view.wanted)
