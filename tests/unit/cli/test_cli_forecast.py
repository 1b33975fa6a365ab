"""`aether forecast`."""

import json
from pathlib import Path
from typing import Any

from aether.forecast.export import export
from aether_forge.training.series import load
from tests.cli_world import Answer, FakeApi
from tests.unit.cli.conftest import Aether

STEPS = [{"p10": 1.0, "p50": 2.0, "p90": 3.0, "p98": 4.0}] * 15
SLICE = {
    "slice": "g:a", "steps_known": 99, "trusted": True, "text": "trusted", "error_ratio": 0.8,
    "coverage": 0.9, "width": 1.0, "forecast": {"age_s": 1.0, "steps": STEPS},
}  # fmt: skip
STATUS: dict[str, Any] = {
    "leader": "node-1", "model": {"name": "mixer-1"}, "problem": "", "batches": None, "step_s": 60.0,
    "led_since": None, "slices": [SLICE, {**SLICE, "slice": "g:b", "forecast": None}],
}  # fmt: skip


def test_status_shows_the_next_step_of_each_slice(api: FakeApi, aether: Aether) -> None:
    api.on("GET", "forecast/status", Answer(value=STATUS))
    ran = aether("forecast", "status")
    lines = ran.out.splitlines()
    assert lines[0].split()[:4] == ["SLICE", "STEPS", "ERROR", "P90_HOLDS"]
    assert lines[1].split() == ["g:a", "99", "0.8", "0.9", "1.0", "2.0", "3.0", "trusted"]
    assert lines[2].split()[-3:] == ["-", "-", "trusted"]
    assert json.loads(aether("forecast", "status", "-o", "json").out) == STATUS


def test_a_missing_model_is_said_first(api: FakeApi, aether: Aether) -> None:
    problem = "no forecasts, scaling is reactive only: card.json is gone"
    without = {**STATUS, "model": None, "problem": problem, "slices": []}
    api.on("GET", "forecast/status", Answer(value=without))
    ran = aether("forecast", "status")
    assert problem in ran.err
    assert ran.code == 0


def test_the_scorecard_sets_both_rules_side_by_side(api: FakeApi, aether: Aether) -> None:
    pair = {"reactive": 4, "forecast": 1}
    compared = {"minutes": 60, "bad_minutes": pair, "instance_hours": pair, "changes": pair}
    row = {**SLICE, "scored": 40, "trust_lost": 0, "compared": compared}
    card = {"since": 1.0, "problem": "", "slices": [row, {**row, "slice": "g:b", "compared": None}]}
    api.on("GET", "forecast/scorecard", Answer(value=card))
    lines = aether("forecast", "scorecard").out.splitlines()
    assert lines[1].split() == ["g:a", "yes", "0.8", "0.9", "60", "4", "1", "4", "1"]
    assert lines[2].split()[-5:] == ["-"] * 5


def test_training_data_becomes_a_folder_that_training_reads(
    api: FakeApi, aether: Aether, tmp_path: Path
) -> None:
    found = export("g:a", [float(n % 7) for n in range(200)], 1_700_000_040.0, 60.0)
    assert found is not None
    item = {**found.row(), "slice": "g:a", "csv": found.csv()}
    api.on("GET", "forecast/training-data", Answer(value={"node": "node-1", "items": [item]}))
    assert aether("forecast", "training-data", "--out", str(tmp_path / "data")).code == 0
    (series,) = load(tmp_path / "data")
    assert series.values.tolist() == list(found.values)
    assert series.has_licence
