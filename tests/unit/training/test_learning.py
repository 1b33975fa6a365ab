from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is installed for training only")

from aether.forecast.card import read
from aether_forge.training.folder import train
from tests.unit.training.test_folder import made


def test_a_user_trains_on_a_history_of_their_own_and_gets_the_same_again(tmp_path: Path) -> None:
    data = [made(tmp_path / "data")]
    train(data, tmp_path / "one", seed=9, steps=20, say=lambda _: None)
    train(data, tmp_path / "two", seed=9, steps=20, say=lambda _: None)
    card, model = read(tmp_path / "one")
    assert read(tmp_path / "two")[1] == model
    assert card.training.seed == 9
    assert card.torch_difference <= 1e-4
    assert [one.series for one in card.data] == ["calm"]
