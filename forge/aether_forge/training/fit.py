"""Trains the network: a fixed number of steps from a seed, weights averaged over the second half."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aether.forecast.shape import INPUTS, QUANTILES
from aether_forge.training.network import FARTHEST, Network
from aether_forge.training.windows import Batch, Windows

Say = Callable[[str], None]
_SHARES = (0.25, 0.25, 0.5)
"""Of the loss: each reader alone, so that both stay useful, and their mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What decides the result, beside the data."""

    seed: int = 1
    steps: int = 11_000
    batch: int = 256
    rate: float = 3e-3
    """Highest learning rate; it rises over the first twentieth and falls as a cosine."""
    decay: float = 0.05
    """Weight decay."""
    made_share: float = 0.4
    """Share of windows that are of synthetic series."""
    made: int = 900
    """Synthetic series."""
    raw_share: float = 0.5
    """Share of the loss that counts errors in rates; the rest counts them compressed."""


def fit(windows: Sequence[Windows], recipe: Recipe, say: Say = print) -> Network:
    """Return the trained network. One thread: the order of sums, and so the result, is always the same."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    torch.manual_seed(recipe.seed)
    dice = np.random.default_rng(recipe.seed)
    network = Network()
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    mean = torch.optim.swa_utils.AveragedModel(network)
    losses: list[float] = []
    for step in range(recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * _schedule(step / recipe.steps)
        loss = _loss(network, _both(windows, dice, recipe), recipe.raw_share)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
        if step >= recipe.steps // 2 and step % 5 == 0:
            mean.update_parameters(network)
        if (step + 1) % 500 == 0:
            say(f"step {step + 1} of {recipe.steps}: loss {sum(losses[-500:]) / 500:.4f}")
    averaged: Network = mean.module.eval()
    return averaged


def _schedule(done: float) -> float:
    rise = 0.05
    if done < rise:
        return done / rise
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - rise) / (1 - rise)))


def _both(windows: Sequence[Windows], dice: np.random.Generator, recipe: Recipe) -> Batch:
    """Return a batch of recorded windows (the first of `windows`) and synthetic ones (the second)."""
    if len(windows) == 1:
        return windows[0].draw(dice, recipe.batch)
    made = round(recipe.batch * recipe.made_share)
    parts = [windows[0].draw(dice, recipe.batch - made), windows[1].draw(dice, made)]
    return Batch(
        inputs={name: np.concatenate([part.inputs[name] for part in parts]) for name in INPUTS},
        target=np.concatenate([part.target for part in parts]),
        weight=np.concatenate([part.weight for part in parts]),
    )


def _loss(network: Network, batch: Batch, raw_share: float) -> Tensor:
    """Return the pinball loss in units of each series' usual error, in rates and compressed."""
    given = [torch.from_numpy(batch.inputs[name]) for name in INPUTS]
    target = torch.from_numpy(batch.target)[:, :, None]
    weight = torch.from_numpy(batch.weight)[:, None, None]
    each, scale = network.compressed(given)
    every = torch.cat([each, each.mean(0, keepdim=True)]).clamp(-FARTHEST, FARTHEST)
    scale = scale[:, :, None]
    rates = _pinball(target - scale * torch.sinh(every))
    shapes = _pinball(torch.asinh(target / scale) - every)
    errors = weight * (raw_share * rates + (1 - raw_share) * shapes)
    # One window in a thousand is a burst of a hundred times the usual error: it must not decide a step.
    apart_mean = errors.clamp(max=50.0).mean((1, 2, 3))
    return (apart_mean * torch.tensor(_SHARES)).sum()


def _pinball(error: Tensor) -> Tensor:
    quantile = torch.tensor(QUANTILES)
    return torch.maximum(quantile * error, (quantile - 1) * error)
