import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from aether_forge.training.command import evaluate, train
from tests.unit.training.test_folder import made


def test_evaluate_shows_scores_and_says_by_its_exit_code_whether_they_do(tmp_path: Path) -> None:
    ran = CliRunner().invoke(evaluate, ["--data", str(made(tmp_path / "data"))])
    assert "geometric mean" in ran.output
    assert ran.exit_code == (1 if "falls short" in ran.output else 0)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    ran = CliRunner().invoke(evaluate, ["--data", str(tmp_path)])
    assert ran.exit_code == 1
    assert "manifest.csv" in ran.output


def test_without_torch_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "aether_forge.training.learning", raising=False)
    folder = made(tmp_path / "data")
    ran = CliRunner().invoke(train, ["--data", str(folder), "--out", str(tmp_path / "model")])
    assert ran.exit_code == 1
    assert "is not installed" in ran.output
    assert not (tmp_path / "model").exists()
