"""What `up` resumes."""

from pathlib import Path

import pytest

from aether_forge.directory import ForgeState
from aether_forge.failures import ForgeError
from aether_forge.session import UpOptions, resume

SAVED = ForgeState(port_offset=100, expect=3, nodes=(1, 2, 3, 4))


def options(nodes: int = 3, port_offset: int | None = None) -> UpOptions:
    return UpOptions(data_dir=Path("/d"), nodes=nodes, port_offset=port_offset)


def test_a_new_cluster_is_founded_by_all_nodes_asked_for() -> None:
    assert resume(options(5), None) == ForgeState(port_offset=0, expect=5, nodes=(1, 2, 3, 4, 5))
    assert resume(options(1, 7), None).port_offset == 7


def test_all_nodes_of_a_saved_cluster_come_back() -> None:
    assert resume(options(3), SAVED) == SAVED
    assert resume(options(3, 100), SAVED) == SAVED


def test_more_nodes_are_added_and_do_not_change_who_founded() -> None:
    grown = resume(options(6), SAVED)
    assert (grown.expect, grown.nodes) == (3, (1, 2, 3, 4, 5, 6))


def test_no_more_nodes_found_a_cluster_than_vote_and_the_rest_join() -> None:
    large = resume(options(9), None)
    assert (large.expect, len(large.nodes)) == (7, 9)
    older = ForgeState(port_offset=0, expect=9, nodes=tuple(range(1, 10)))
    assert resume(options(9), older).expect == 7


def test_a_cluster_does_not_move_to_other_ports() -> None:
    with pytest.raises(ForgeError, match="was made with --port-offset 100"):
        resume(options(3, 0), SAVED)
