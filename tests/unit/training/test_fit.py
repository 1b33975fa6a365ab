import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is installed for training only")
import torch

from aether_forge.training.fit import Recipe, fit
from aether_forge.training.windows import Track, Windows


def test_equal_seeds_train_equal_networks_and_the_loss_falls() -> None:
    values = 10 + np.sin(np.arange(2000) / 20)
    windows = [Windows([Track(values, 1440, 1.0)])]
    said: list[str] = []
    recipe = Recipe(seed=4, steps=500, batch=16)
    one = fit(windows, recipe, said.append)
    two = fit(windows, Recipe(seed=4, steps=500, batch=16), said.append)
    for left, right in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(left, right)
    assert said[0] == said[1]
    assert float(said[0].rpartition(" ")[2]) < 1.0
