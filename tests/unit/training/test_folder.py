import hashlib
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from aether.errors import Invalid
from aether.forecast.card import CARD, MODEL, SHIPPED, read
from aether_forge.training.folder import chosen, evaluate, load_all, problems, save

LENGTH = 2000


def made(folder: Path, name: str = "calm", licence: str = "own data") -> Path:
    """Write a folder of one series: a day's curve with a little noise."""
    folder.mkdir(exist_ok=True)
    minute = np.arange(LENGTH)
    noise = np.random.default_rng(1).normal(size=LENGTH)
    values = 100 + 40 * np.sin(minute / 40) + noise
    (folder / f"{name}.csv").write_text("value\n" + "".join(f"{one:.5g}\n" for one in values))
    digest = hashlib.sha256((folder / f"{name}.csv").read_bytes()).hexdigest()[:16]
    (folder / "manifest.csv").write_text(
        f"file,step_s,licence,sha256\n{name}.csv,60,{licence},{digest}\n"
    )
    return folder


def test_the_shipped_model_is_scored_on_a_folder_of_ones_own(tmp_path: Path) -> None:
    said: list[str] = []
    wrong = evaluate([made(tmp_path / "data")], SHIPPED, said.append)
    assert any(line.startswith("calm") for line in said)
    assert said[-1] == "not trained on: calm"
    assert not any("bytes" in sentence for sentence in wrong)


def test_what_falls_short_is_said() -> None:
    card, _ = read(SHIPPED)
    assert problems(card) == []
    bad = msgspec.structs.replace(card.means, mae={"5": 0.9, "15": 0.83}, coverage90={"5": 0.5})
    found = problems(
        msgspec.structs.replace(card, means=bad, bytes=600 * 1024, torch_difference=0.1)
    )
    assert len(found) == 5


def test_a_saved_model_is_read_again(tmp_path: Path) -> None:
    card, model = read(SHIPPED)
    save(tmp_path / "new" / "model", card, model)
    assert read(tmp_path / "new" / "model") == (card, model)
    assert json.loads((tmp_path / "new" / "model" / CARD).read_text())["sha256"] == card.sha256
    assert (tmp_path / "new" / "model" / MODEL).stat().st_size == card.bytes


def test_without_a_licence_nothing_is_trained_on(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="needs a `licence`"):
        chosen(load_all([made(tmp_path / "data", licence="none stated")]))


def test_two_series_of_one_name_are_refused(tmp_path: Path) -> None:
    folders = [made(tmp_path / "one"), made(tmp_path / "two")]
    with pytest.raises(Invalid, match="rename one"):
        load_all(folders)
