import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is installed for training only")
import torch

from aether.forecast.session import Session
from aether.forecast.shape import INPUTS
from aether_forge.training.graph import write
from aether_forge.training.network import Network
from aether_forge.training.windows import Track, Windows


def test_the_file_answers_as_the_network_does_and_depends_on_the_weights_alone() -> None:
    torch.manual_seed(3)
    network = Network().eval()
    model = write(network)
    assert write(network) == model
    values = np.abs(np.random.default_rng(1).normal(size=3000).cumsum()) + 1
    inputs = Windows([Track(values, 1440, 1.0)]).draw(np.random.default_rng(2), 64).inputs
    with torch.no_grad():
        expected = network(*[torch.from_numpy(inputs[name]) for name in INPUTS]).numpy()
    found = Session(model).run(inputs)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
