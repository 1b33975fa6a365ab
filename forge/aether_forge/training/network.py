"""The network: two readers of one history, whose answers are averaged; normalisation is inside.

A window is divided by its mean, compressed by asinh, anchored at its last value and divided by its own
spread: what is left is shape alone. One reader mixes patches of it, the other reads it as a whole; they
err differently, so their mean errs less. The answer goes the same way back, to raw rates.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from aether.forecast.shape import COARSE, DAY, FINE, HORIZON, QUANTILES

STEPS: Final = FINE + COARSE + DAY
ANSWERS: Final = HORIZON * len(QUANTILES)
PATCH: Final = 12
PATCHES: Final = STEPS // PATCH
WIDTH: Final = 32
BLOCKS: Final = 2
DENSE: Final = 88
STEADY: Final = 0.01
"""Spread, in compressed units, below which a history counts as constant."""
FARTHEST: Final = 9.0
"""Largest compressed value answered: sinh(9) is 4,000 times the mean."""


def compress(values: Tensor) -> Tensor:
    """Return asinh of what is not negative, in the very steps the exported graph takes."""
    return torch.log(values + torch.sqrt(values * values + 1))


class Block(nn.Module):
    """Mixes over patches, then over channels; each adds to what was there."""

    def __init__(self) -> None:
        super().__init__()
        self.patches_in = nn.Linear(PATCHES, 2 * PATCHES)
        self.patches_out = nn.Linear(2 * PATCHES, PATCHES)
        self.norm = nn.LayerNorm(WIDTH)
        self.channels_in = nn.Linear(WIDTH, 2 * WIDTH)
        self.channels_out = nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens [batch, patches, width] mixed."""
        across = tokens.transpose(1, 2)
        across = self.patches_out(torch.relu(self.patches_in(across)))
        tokens = tokens + across.transpose(1, 2)
        within = self.norm(tokens)
        mixed: Tensor = tokens + self.channels_out(torch.relu(self.channels_in(within)))
        return mixed


class Mixer(nn.Module):
    """The reader of patches."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(2 * PATCH, WIDTH)
        self.place = nn.Parameter(torch.randn(PATCHES, WIDTH) * 0.02)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.head = nn.Linear(PATCHES * WIDTH, ANSWERS)
        nn.init.normal_(self.head.weight, std=0.002)

    def forward(self, shape: Tensor, known: Tensor) -> Tensor:
        """Return raw answers [batch, ANSWERS] to a shape and its mask, both [batch, STEPS]."""
        patches = torch.cat([shape.view(-1, PATCHES, PATCH), known.view(-1, PATCHES, PATCH)], 2)
        tokens = self.embed(patches) + self.place
        for block in self.blocks:
            tokens = block(tokens)
        raw: Tensor = self.head(tokens.flatten(1))
        return raw


class Dense(nn.Module):
    """The reader of the whole."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2 * STEPS, DENSE)
        self.norm = nn.LayerNorm(DENSE)
        self.inner = nn.Linear(DENSE, DENSE)
        self.outer = nn.Linear(DENSE, DENSE)
        self.head = nn.Linear(DENSE, ANSWERS)
        nn.init.normal_(self.head.weight, std=0.002)

    def forward(self, shape: Tensor, known: Tensor) -> Tensor:
        """Return raw answers [batch, ANSWERS], as the mixer does."""
        seen = torch.relu(self.first(torch.cat([shape, known], 1)))
        seen = seen + self.outer(torch.relu(self.inner(self.norm(seen))))
        raw: Tensor = self.head(seen)
        return raw


class Network(nn.Module):
    """Raw histories and masks in, quantiles of the next steps out, in the same units."""

    def __init__(self) -> None:
        super().__init__()
        self.mixer = Mixer()
        self.dense = Dense()
        self.skip = nn.Linear(STEPS, ANSWERS)
        nn.init.zeros_(self.skip.weight)

    def forward(self, *given: Tensor) -> Tensor:
        """Return quantiles [batch, HORIZON, len(QUANTILES)]; each at least the one before it.

        `given` are the tensors of `INPUTS`, in that order.
        """
        both, scale = self.compressed(given)
        compressed = both.mean(0).clamp(-FARTHEST, FARTHEST)
        return torch.relu(scale[:, :, None] * torch.sinh(compressed))

    def compressed(self, given: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return each reader's quantiles [2, batch, HORIZON, len(QUANTILES)] compressed, and the scale."""
        fine, coarse, day, fine_ok, coarse_ok, day_ok = given
        count = fine_ok.sum(1, keepdim=True).clamp(min=1)
        mean = (fine * fine_ok).sum(1, keepdim=True) / count
        scale = torch.where(mean > 0, mean, torch.ones_like(mean))
        known = torch.cat([fine_ok, coarse_ok, day_ok.expand(-1, DAY)], 1)
        levels = compress(torch.cat([fine, coarse, day], 1) / scale)
        last = levels[:, FINE - 1 : FINE]
        level = levels[:, :FINE]
        centre = (level * fine_ok).sum(1, keepdim=True) / count
        spread = ((level - centre).abs() * fine_ok).sum(1, keepdim=True) / count + STEADY
        offset = (levels - last) / spread
        shape = torch.sign(offset) * compress(offset.abs()) * known
        raws = torch.stack([self.mixer(shape, known), self.dense(shape, known)]) + self.skip(shape)
        answers = ordered(raws.view(2, -1, HORIZON, len(QUANTILES)))
        return last[:, :, None] + spread[:, :, None] * answers, scale


def ordered(raw: Tensor) -> Tensor:
    """Return quantiles that grow: the second output is the median, the others are distances."""
    gaps = nn.functional.softplus(raw)
    median = raw[..., 1:2]
    low = median - gaps[..., 0:1]
    high = median + gaps[..., 2:3]
    return torch.cat([low, median, high, high + gaps[..., 3:4]], -1)
