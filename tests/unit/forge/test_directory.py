"""A forge's directory is guarded: against a second forge, and against being somebody else's."""

from pathlib import Path

import pytest

from aether_forge import directory
from aether_forge.directory import ForgeState
from aether_forge.failures import ForgeError
from aether_forge.layout import Layout

STATE = ForgeState(port_offset=5, expect=3, nodes=(1, 2, 3))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "f")


def test_a_second_forge_is_kept_out_until_the_first_ends(layout: Layout) -> None:
    with (
        directory.locked(layout),
        pytest.raises(ForgeError, match="already runs on"),
        directory.locked(layout),
    ):
        pytest.fail("not reached")
    with directory.locked(layout):
        assert layout.lock_file.exists()


def test_state_comes_back(layout: Layout) -> None:
    with directory.locked(layout):
        assert directory.load_state(layout) is None
        directory.save_state(layout, STATE)
        assert directory.load_state(layout) == STATE


def test_files_that_are_not_a_forges_are_never_touched(layout: Layout) -> None:
    layout.data_dir.mkdir()
    (layout.data_dir / "thesis.txt").write_text("years of work")
    with pytest.raises(ForgeError, match=r"not a forge's \(thesis\.txt\)"):
        directory.empty(layout)
    with (
        pytest.raises(ForgeError, match="choose another --data-dir"),
        directory.locked(layout),
    ):
        pytest.fail("not reached")
    assert (layout.data_dir / "thesis.txt").read_text() == "years of work"


def test_emptying_removes_what_a_forge_made_and_follows_no_link(
    layout: Layout, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    with directory.locked(layout):
        directory.save_state(layout, STATE)
        (layout.node_dir(1) / "logs").mkdir(parents=True)
        (layout.data_dir / "node-2").symlink_to(outside)
        directory.empty(layout)
        assert list(layout.data_dir.iterdir()) == [layout.lock_file]
    assert (outside / "kept").exists()


def test_a_file_in_the_place_of_the_directory_is_an_error(layout: Layout) -> None:
    layout.data_dir.touch()
    with pytest.raises(ForgeError, match="is not a directory"), directory.locked(layout):
        pytest.fail("not reached")


def test_a_directory_too_deep_for_sockets_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ForgeError, match="too long"):
        directory.check_directory(Layout(tmp_path / ("x" * 100)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is damaged"),
        ("{}", "is damaged"),
        ('{"port_offset":0,"expect":3,"nodes":[1],"format":2}', "is of format 2"),
    ],
)
def test_a_state_that_cannot_be_read_is_an_error(layout: Layout, content: str, said: str) -> None:
    layout.data_dir.mkdir()
    layout.state_file.write_text(content)
    with pytest.raises(ForgeError, match=said):
        directory.load_state(layout)


def test_only_directories_of_nodes_are_listed(layout: Layout) -> None:
    with directory.locked(layout):
        layout.node_dir(2).mkdir()
        (layout.data_dir / "node-3").touch()
        assert directory.node_dirs(layout) == [layout.node_dir(2)]
