from pathlib import Path
from typing import Any

import pytest

from aether.cli.failures import CliError
from aether.cli.training_folder import MANIFEST, add_series
from aether.forecast.export import export
from aether_forge.training.series import load

ENDED = 1_700_000_040.0


def item(first: int, last: int, base: str = "g:a") -> dict[str, Any]:
    """Steps whose values tell their number."""
    found = export(base, [float(n) for n in range(first, last)], ENDED + 60 * last, 60.0)
    assert found is not None
    return {**found.row(), "slice": base, "csv": found.csv()}


def values(folder: Path) -> list[list[float]]:
    return [series.values.tolist() for series in load(folder)]


def test_an_export_carries_on_what_the_one_before_began(tmp_path: Path) -> None:
    add_series(tmp_path, [item(0, 300)])
    (row,) = add_series(tmp_path, [item(200, 500)])
    assert row["rows"] == 500
    assert values(tmp_path) == [[float(n) for n in range(500)]]
    add_series(tmp_path, [item(500, 700)])
    assert values(tmp_path) == [[float(n) for n in range(700)]]


def test_the_same_export_twice_changes_nothing(tmp_path: Path) -> None:
    add_series(tmp_path, [item(0, 300)])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    add_series(tmp_path, [item(0, 300)])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_after_a_gap_and_for_another_slice_there_is_a_file_of_its_own(tmp_path: Path) -> None:
    add_series(tmp_path, [item(0, 300), item(0, 300, "g:b")])
    add_series(tmp_path, [item(301, 600)])
    assert len(values(tmp_path)) == 3


def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with pytest.raises(CliError, match="is no name"):
        add_series(folder, [{**item(0, 300), "file": "../evil.csv"}])
    assert not (tmp_path / "evil.csv").exists()


def test_a_file_the_manifest_names_and_nobody_has_is_told(tmp_path: Path) -> None:
    (row,) = add_series(tmp_path, [item(0, 300)])
    (tmp_path / row["file"]).unlink()
    with pytest.raises(CliError, match="cannot be read"):
        add_series(tmp_path, [item(200, 500)])
    assert (tmp_path / MANIFEST).exists()
