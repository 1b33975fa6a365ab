from pathlib import Path

import pytest

from aether.config.forecast import ForecastConfig
from aether.config.node import load_config


def test_the_defaults_have_no_problem() -> None:
    assert list(ForecastConfig().problems()) == []


def test_a_model_that_is_not_there_keeps_no_node_from_starting(tmp_path: Path) -> None:
    assert list(ForecastConfig(model=str(tmp_path / "gone")).problems()) == []


@pytest.mark.parametrize("step_s", [0.0, 0.5, 601.0, -1.0])
def test_a_step_is_bounded(step_s: float) -> None:
    ((name, text),) = ForecastConfig(step_s=step_s).problems()
    assert name == "step_s"
    assert "within 1 and 600 s" in text


def test_the_section_is_read_from_the_environment_and_the_file(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text(f'node_id = "n-1"\n[forecast]\nmodel = "{tmp_path}"\nstep_s = 30\n')
    config = load_config({"config": str(file)}, {"AETHER_FORECAST__STEP_S": "10"})
    assert config.forecast == ForecastConfig(model=str(tmp_path), step_s=10.0)
