"""`aether-forge train` and `evaluate`: a forecaster from a folder of series, and its scores again."""

import sys
from pathlib import Path

import click

from aether.errors import AetherError
from aether.forecast.card import SHIPPED

STEPS = 11_000
"""Some 7 minutes of one core."""
_FOLDER = click.Path(path_type=Path, file_okay=False)
_DATA = click.option(
    "--data", type=_FOLDER, required=True, multiple=True,
    help="Folder of CSV files with a column `value` and a manifest.csv, as `aether forecast training-data` writes;"
    " may be given again.",
)  # fmt: skip


@click.command()
@_DATA
@click.option("--out", type=_FOLDER, required=True, help="Folder for model and card.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--steps", type=click.IntRange(1, 1_000_000), default=STEPS, show_default=True)
def train(data: tuple[Path, ...], out: Path, seed: int, steps: int) -> None:
    """Train a forecaster on the first 70 % of each series, and score it on the rest.

    Needs torch and onnx. Exit code 1 when the model is written but not good enough to ship.
    """
    from aether_forge.training import folder  # noqa: PLC0415 - numpy and onnxruntime are an extra

    try:
        wrong = folder.train(data, out, seed=seed, steps=steps, say=click.echo)
    except ImportError as missing:
        raise click.ClickException(
            f"{missing.name} is not installed: pip install torch==2.13.0 onnx, or run make train-forecaster"
        ) from missing
    except AetherError as problem:
        raise click.ClickException(problem.message) from problem
    _judge(wrong)


@click.command()
@_DATA
@click.option(
    "--model",
    type=_FOLDER,
    default=SHIPPED,
    help="Folder of model and card.  [default: the shipped one]",
)
def evaluate(data: tuple[Path, ...], model: Path) -> None:
    """Score a forecaster on the last 30 % of each series; exit code 1 when it falls short."""
    from aether_forge.training import folder  # noqa: PLC0415 - as above

    try:
        wrong = folder.evaluate(data, model, say=click.echo)
    except AetherError as problem:
        raise click.ClickException(problem.message) from problem
    _judge(wrong)


def _judge(wrong: list[str]) -> None:
    for sentence in wrong:
        click.echo(f"falls short: {sentence}", err=True)
    sys.exit(1 if wrong else 0)
