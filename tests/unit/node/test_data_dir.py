"""A data directory has one owner."""

import os
from pathlib import Path

import psutil
import pytest

from aether.errors import ConfigInvalid
from aether.node.data_dir import DataDir


def test_it_makes_the_folders_and_keeps_others_out_of_run(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path / "n")
    assert (data_dir.path / "store").is_dir()
    assert (data_dir.path / "run").stat().st_mode & 0o077 == 0
    data_dir.close()


def test_a_second_owner_is_refused_by_name(tmp_path: Path) -> None:
    first = DataDir(tmp_path / "n")
    with pytest.raises(ConfigInvalid, match="belongs to a node that is running"):
        DataDir(tmp_path / "n")
    first.close()
    DataDir(tmp_path / "n").close()


def test_a_directory_that_cannot_be_made_is_a_problem_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigInvalid, match="cannot be used"):
        DataDir(tmp_path / "file" / "n")


def test_the_pid_file_tells_one_process_from_the_next_with_its_pid(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path / "n")
    data_dir.write_pid("node")
    pid, created = data_dir.run("node.pid").read_text().split()
    assert int(pid) == os.getpid()
    assert float(created) == psutil.Process().create_time()
    data_dir.close()
    assert not data_dir.run("node.pid").exists()
