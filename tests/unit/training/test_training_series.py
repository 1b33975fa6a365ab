import hashlib
from pathlib import Path

import numpy as np
import pytest

from aether.errors import Invalid
from aether_forge.training.series import coarser, load


def write(folder: Path, text: str = "value\n1\n2\n", **row: str) -> Path:
    (folder / "a.csv").write_text(text)
    cells = {"file": "a.csv", "step_s": "60", "licence": "MIT", "sha256": "", **row}
    lines = [",".join(cells), ",".join(cells.values())]
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_a_folder_is_read_as_its_manifest_says(tmp_path: Path) -> None:
    text = "value\n" + "".join(f"{n}\n" for n in range(10))
    digest = hashlib.sha256(text.encode()).hexdigest()
    (one,) = load(write(tmp_path, text, sha256=digest[:16]))
    assert (one.name, one.step_s, one.licence, one.sha256) == ("a", 60.0, "MIT", digest)
    assert one.values.tolist() == list(range(10))
    assert one.trained == 7


@pytest.mark.parametrize(
    "licence",
    ["", "none", "repository states none; counts only, no content", "none stated", "unknown"],
)
def test_a_series_without_stated_terms_is_known_as_such(tmp_path: Path, licence: str) -> None:
    (one,) = load(write(tmp_path, licence=f'"{licence}"'))
    assert not one.has_licence


@pytest.mark.parametrize(
    "licence", ["MIT", "own data", "Internet Traffic Archive (freely redistributable)", "CC-BY-4.0"]
)
def test_a_series_with_stated_terms_may_be_trained_on(tmp_path: Path, licence: str) -> None:
    (one,) = load(write(tmp_path, licence=f'"{licence}"'))
    assert one.has_licence


@pytest.mark.parametrize(
    ("text", "row", "message"),
    [
        ("1\n2\n", {}, "first line must be `value`"),
        ("value\nx\n", {}, "could not convert"),
        ("value\n-1\n", {}, "at least 0"),
        ("value\nnan\n", {}, "finite"),
        ("value\n1\n", {"sha256": "0123456789abcdef"}, "SHA-256"),
        ("value\n1\n", {"file": "../a.csv"}, "must be a name in the folder"),
        ("value\n1\n", {"step_s": "0"}, "more than 0"),
        ("value\n1\n", {"step_s": "often"}, "step_s"),
        ("value\n1\n", {"file": "b.csv"}, "cannot be read"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, text: str, row: dict[str, str], message: str
) -> None:
    with pytest.raises(Invalid, match=message):
        load(write(tmp_path, text, **row))


def test_a_folder_without_a_manifest_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"manifest\.csv"):
        load(tmp_path)


def test_coarser_steps_are_means_and_the_newest_is_whole() -> None:
    assert coarser(np.array([9.0, 1.0, 3.0, 5.0, 7.0]), 2).tolist() == [2.0, 6.0]
