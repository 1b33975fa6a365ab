"""The network: a mixer over patches of the history, its normalisation inside, so that it eats raw rates.

A window is divided by its mean, compressed by asinh, anchored at its last value and divided by its own
spread: what is left is shape alone. The answer goes the same way back.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn

from aether.forecast.shape import COARSE, DAY, FINE, HORIZON, QUANTILES

PATCH: Final = 8
PATCHES: Final = (FINE + COARSE + DAY) // PATCH
WIDTH: Final = 32
BLOCKS: Final = 2
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
        self.norm_patches = nn.LayerNorm(WIDTH)
        self.patches_in = nn.Linear(PATCHES, 2 * PATCHES)
        self.patches_out = nn.Linear(2 * PATCHES, PATCHES)
        self.norm_channels = nn.LayerNorm(WIDTH)
        self.channels_in = nn.Linear(WIDTH, 2 * WIDTH)
        self.channels_out = nn.Linear(2 * WIDTH, WIDTH)
        self.act = nn.ReLU()

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens [batch, patches, width] mixed."""
        across = self.norm_patches(tokens).transpose(1, 2)
        tokens = tokens + self.patches_out(self.act(self.patches_in(across))).transpose(1, 2)
        within = self.norm_channels(tokens)
        mixed: Tensor = tokens + self.channels_out(self.act(self.channels_in(within)))
        return mixed


class Mixer(nn.Module):
    """Raw histories and masks in, quantiles of the next steps out, in the same units."""

    def __init__(self) -> None:
        super().__init__()
        steps = FINE + COARSE + DAY
        self.embed = nn.Linear(2 * PATCH, WIDTH)
        self.place = nn.Parameter(torch.randn(PATCHES, WIDTH) * 0.02)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.head = nn.Linear(PATCHES * WIDTH, HORIZON * len(QUANTILES))
        self.skip = nn.Linear(steps, HORIZON * len(QUANTILES))
        nn.init.normal_(self.head.weight, std=0.002)
        nn.init.zeros_(self.skip.weight)

    def forward(self, *given: Tensor) -> Tensor:
        """Return quantiles [batch, HORIZON, len(QUANTILES)]; each at least the one before it.

        `given` are the tensors of `INPUTS`, in that order.
        """
        compressed, scale = self.compressed(given)
        return torch.relu(scale * torch.sinh(compressed)).view(-1, HORIZON, len(QUANTILES))

    def compressed(self, given: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the quantiles [batch, HORIZON * len(QUANTILES)] compressed, and the scale of rates."""
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
        answer = self.ordered(self._raw(shape, known)).flatten(1)
        return (last + spread * answer).clamp(-FARTHEST, FARTHEST), scale

    def _raw(self, shape: Tensor, known: Tensor) -> Tensor:
        patches = torch.cat([shape.view(-1, PATCHES, PATCH), known.view(-1, PATCHES, PATCH)], 2)
        tokens = self.embed(patches) + self.place
        for block in self.blocks:
            tokens = block(tokens)
        raw = self.head(tokens.flatten(1)) + self.skip(shape)
        return raw.view(-1, HORIZON, len(QUANTILES))

    @staticmethod
    def ordered(raw: Tensor) -> Tensor:
        """Return quantiles that grow: the second output is the median, the others are distances."""
        gaps = nn.functional.softplus(raw)
        median = raw[:, :, 1:2]
        low = median - gaps[:, :, 0:1]
        high = median + gaps[:, :, 2:3]
        return torch.cat([low, median, high, high + gaps[:, :, 3:4]], 2)
