"""One training run from series to the bytes of a model file. Needs torch and onnx."""

import hashlib
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import onnx
import torch

from aether.forecast.card import Training
from aether.forecast.inputs import Floats, Inputs
from aether.forecast.shape import HORIZON, INPUTS, QUANTILES
from aether_forge.training import graph, tracks
from aether_forge.training.fit import Recipe, fit
from aether_forge.training.network import Network
from aether_forge.training.series import Series

__all__ = ["HORIZON", "NOTES", "QUANTILES", "Learned", "learn"]

NOTES = (
    "Input: mean request rates per step of one slice, its last 120 steps, 48 means of 10 steps, and the"
    " 48 steps around the same time yesterday. Output: quantiles of the next 15 steps, same unit.",
    "Trained on the first 70 % of each series marked trained, and on seeded synthetic series; scores are of"
    " the last 30 % of every series, which nothing was trained on.",
    "Ratios compare with the forecast that the last value stays; below 1 is better.",
)
CHECKED = 256
"""Windows on which the file is compared with the network."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A model file, and answers of the network it was made from."""

    model: bytes
    training: Training
    asked: Inputs
    answered: Floats

    @property
    def sha256(self) -> str:
        """Digest of the file."""
        return hashlib.sha256(self.model).hexdigest()


def learn(
    series: Sequence[Series], *, seed: int, steps: int, say: Callable[[str], None]
) -> Learned:
    """Train on the first part of each series."""
    recipe = Recipe(seed=seed, steps=steps)
    windows = [tracks.recorded(series), tracks.made(seed, recipe.made)]
    network = fit(windows, recipe, say)
    asked = windows[0].draw(np.random.default_rng([seed, 2]), CHECKED).inputs
    with torch.no_grad():
        answered = network(*[torch.from_numpy(asked[name]) for name in INPUTS]).numpy()
    return Learned(graph.write(network), _training(network, recipe), asked, answered)


def _training(network: Network, recipe: Recipe) -> Training:
    plain = asdict(recipe)
    return Training(
        seed=plain.pop("seed"),
        steps=plain.pop("steps"),
        batch=plain.pop("batch"),
        synthetic_series=plain.pop("made"),
        recipe={name: float(value) for name, value in plain.items()},
        parameters=sum(one.numel() for one in network.parameters()),
        cpu_s=0.0,
        libraries={
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "onnx": onnx.__version__,
            "numpy": np.__version__,
        },
    )
