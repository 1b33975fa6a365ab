"""The card beside a model: what it was trained on, how good it is, and the checksum that ties them."""

import errno
import hashlib
from pathlib import Path

import msgspec

from aether.errors import Invalid
from aether.forecast.shape import HORIZON, QUANTILES

SHIPPED = Path(__file__).parent / "model"
"""Folder of the model that comes with Aether."""
MODEL = "forecaster.onnx"
CARD = "card.json"
MOST_MODEL_BYTES = 8 * 1024 * 1024
"""Far more than a model of this shape has; a larger file is something else."""
MOST_CARD_BYTES = 1024 * 1024
_SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}


class ModelUnusable(Invalid):
    """A model or its card is missing, damaged, or not of the shape that is asked for."""

    code = "model_unusable"


def not_installed(error: ImportError) -> ModelUnusable:
    """Say which of the libraries that a model needs is missing."""
    library = error.name or "a library"
    return ModelUnusable(f"{library} is not installed: install aether-cluster[forecast]")


class TrainedOn(msgspec.Struct, frozen=True, kw_only=True):
    """One series a model was trained on, or scored on only."""

    series: str
    rows: int
    step_s: float
    sha256: str
    licence: str
    source: str = ""
    trained: bool = True
    """False for one that was scored and kept out of training."""


class SeriesScore(msgspec.Struct, frozen=True, kw_only=True):
    """How good the model was on the last part of one series, by steps ahead."""

    series: str
    windows: int
    mae: dict[str, float]
    """Mean absolute error relative to that of the last value."""
    pinball90: dict[str, float]
    """Loss of the nine-tenths quantile relative to the last value with its own recent errors."""
    coverage90: dict[str, float]
    """Share of values at most the nine-tenths quantile."""


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """The scores of all series in one: geometric means of ratios, plain means of coverage."""

    mae: dict[str, float]
    pinball90: dict[str, float]
    coverage90: dict[str, float]


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """How the model came about."""

    seed: int
    steps: int
    batch: int
    recipe: dict[str, float]
    parameters: int
    cpu_s: float
    """CPU time it took, with the data."""
    libraries: dict[str, str]
    synthetic_series: int


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """Everything there is to know of a model file."""

    name: str
    sha256: str
    """Of the model file, in hexadecimal digits."""
    bytes: int
    horizon: int
    quantiles: tuple[float, ...]
    training: Training
    data: tuple[TrainedOn, ...]
    scores: tuple[SeriesScore, ...]
    means: Means
    torch_difference: float
    """Largest relative difference between the file's answers and those of the network trained."""
    notes: tuple[str, ...] = ()


def read(folder: Path) -> tuple[Card, bytes]:
    """Return a model's card and its bytes, checked against each other.

    Raises ModelUnusable, and OSError where files or memory are short, which says nothing of the model.
    """
    card = _card(_bytes(folder / CARD, MOST_CARD_BYTES), folder / CARD)
    model = _bytes(folder / MODEL, MOST_MODEL_BYTES)
    digest = hashlib.sha256(model).hexdigest()
    if digest != card.sha256:
        raise ModelUnusable(
            f"{folder / MODEL} has SHA-256 {digest[:16]}…, its card says {card.sha256[:16]}…:"
            " the file is damaged or not the card's; train it anew or restore both"
        )
    if card.horizon != HORIZON or card.quantiles != QUANTILES:
        raise ModelUnusable(
            f"{folder / CARD}: the model answers {card.horizon} steps of quantiles {card.quantiles};"
            f" {HORIZON} of {QUANTILES} are needed: train it with this version of Aether"
        )
    return card, model


def _bytes(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        if isinstance(error, OSError) and error.errno in _SHORTAGES:
            raise
        why = error.strerror if isinstance(error, OSError) else error
        raise ModelUnusable(f"{path} cannot be read: {why}") from error
    if len(data) > most:
        raise ModelUnusable(f"{path} is larger than {most} bytes: it is no forecaster")
    return data


def _card(data: bytes, path: Path) -> Card:
    try:
        return msgspec.json.decode(data, type=Card)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ModelUnusable(f"{path} is not a model's card: {error}") from error
