"""Lessons are read from their file."""

from pathlib import Path

import pytest

from aether.errors import ConfigInvalid
from aether_forge.sim.raft.corpus import Lesson, lessons


def test_lessons_come_in_the_order_they_were_learnt(tmp_path: Path) -> None:
    file = tmp_path / "corpus.toml"
    file.write_text(
        '[[lesson]]\nseed = 9\nnodes = 5\nwhy = "a"\n[[lesson]]\nseed = 3\nnodes = 3\nwhy = "b"\n'
    )
    assert lessons(file) == [Lesson(9, 5, "a"), Lesson(3, 3, "b")]


def test_a_file_that_is_not_toml_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "corpus.toml"
    file.write_text("[[lesson]\n")
    with pytest.raises(ConfigInvalid, match=r"corpus\.toml:1"):
        lessons(file)


def test_the_corpus_can_be_read_and_says_why() -> None:
    assert all(lesson.why for lesson in lessons())
