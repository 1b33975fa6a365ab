"""Training from a folder of series to a folder of model and card, and scoring such a model again."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from aether.errors import Invalid
from aether.forecast import card as cards
from aether.forecast.card import Card, Means, SeriesScore, TrainedOn
from aether.forecast.session import Session
from aether_forge.training.scores import (
    REPORTED,
    Score,
    geometric,
    mean_coverage,
    score,
    table,
)
from aether_forge.training.series import Series, load
from aether_forge.training.tracks import LEAST_STEPS

if TYPE_CHECKING:
    from aether_forge.training.learning import Learned

Say = Callable[[str], None]
MOST_MAE = 0.88
"""At 5 steps, times the last value's; what a model on the public series must reach."""
MOST_MAE_FAR = 0.82
"""At 15 steps."""
COVERAGE = (0.87, 0.93)
"""Of the nine-tenths quantile at 5 steps."""
MOST_KIB = 500
MOST_DIFFERENCE = 1e-4
"""Between the file's answers and the trained network's, relative to the largest of the window."""


def load_all(folders: Sequence[Path]) -> list[Series]:
    """Return the series of all folders; raise Invalid when two have the same name."""
    found: dict[str, Series] = {}
    for folder in folders:
        for one in load(folder):
            if one.name in found:
                raise Invalid(
                    f"{folder} has a series {one.name}, and so has another folder: rename one"
                )
            found[one.name] = one
    return list(found.values())


def chosen(every: Sequence[Series]) -> list[Series]:
    """Return the series a model may be trained on: of a stated licence, and long enough."""
    found = [one for one in every if one.has_licence and one.trained >= LEAST_STEPS]
    if not found:
        raise Invalid(
            f"none of {len(every)} series may be trained on: each needs a `licence` in the manifest"
            f" and at least {LEAST_STEPS} steps in its first 70 %"
        )
    return found


def scores_of(every: Sequence[Series], session: Session) -> list[Score]:
    """Return the scores of the last part of each series that is long enough."""
    return [found for one in every if (found := score(one, session.run)) is not None]


def described(
    every: Sequence[Series], trained: Sequence[Series], scores: Sequence[Score]
) -> tuple[tuple[TrainedOn, ...], tuple[SeriesScore, ...], Means]:
    """Return what a card tells of data and scores."""
    names = {one.name for one in trained}
    data = tuple(
        TrainedOn(
            series=one.name, rows=one.values.size, step_s=one.step_s, sha256=one.sha256,
            licence=one.licence, source=one.source, trained=one.name in names,
        )
        for one in every
    )  # fmt: skip
    each = tuple(
        SeriesScore(
            series=one.series, windows=one.windows, mae=_by_step(one.mae),
            pinball90=_by_step(one.pinball90), coverage90=_by_step(one.coverage90),
        )
        for one in scores
    )  # fmt: skip
    means = Means(
        mae=_by_step({ahead: geometric(scores, "mae", ahead) for ahead in REPORTED}),
        pinball90=_by_step({ahead: geometric(scores, "pinball90", ahead) for ahead in REPORTED}),
        coverage90=_by_step({ahead: mean_coverage(scores, ahead) for ahead in REPORTED}),
    )
    return data, each, means


def _by_step(values: Mapping[int, float]) -> dict[str, float]:
    return {str(ahead): round(values[ahead], 4) for ahead in REPORTED}


def problems(card: Card) -> list[str]:
    """Return in what a model falls short, in sentences; nothing when it may be used."""
    found = []
    for ahead, most in (("5", MOST_MAE), ("15", MOST_MAE_FAR)):
        if card.means.mae[ahead] > most:
            found.append(
                f"error at {ahead} steps is {card.means.mae[ahead]} x last value, {most} at most"
            )
    low, high = COVERAGE
    if not low <= card.means.coverage90["5"] <= high:
        found.append(
            f"p90 holds in {card.means.coverage90['5']:.3f} of cases, {low} to {high} wanted"
        )
    if card.bytes > MOST_KIB * 1024:
        found.append(f"the file has {card.bytes} bytes, {MOST_KIB * 1024} at most")
    if card.torch_difference > MOST_DIFFERENCE:
        found.append(
            f"the file's answers differ by {card.torch_difference} from the trained network's"
        )
    return found


def save(folder: Path, card: Card, model: bytes) -> None:
    """Write model and card; the card last, so that an old card never vouches for a new model."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / cards.MODEL).write_bytes(model)
    plain = json.dumps(msgspec.to_builtins(card), indent=1, ensure_ascii=False)
    (folder / cards.CARD).write_text(plain + "\n", encoding="utf-8")


def evaluate(data: Sequence[Path], folder: Path, say: Say = print) -> list[str]:
    """Score the model in `folder` on the last parts of the series in folders; return what is wrong.

    Raises Invalid when data or model cannot be read.
    """
    card, model = cards.read(folder)
    every = load_all(data)
    scores = scores_of(every, Session(model))
    if not scores:
        raise Invalid("no series is long enough to be scored: 200 steps are the least")
    for line in table(scores):
        say(line)
    known = {one.series for one in card.data if one.trained}
    strangers = [one.name for one in every if one.name not in known]
    say(f"not trained on: {', '.join(strangers) or 'none of them'}")
    _, each, means = described(every, [], scores)
    return problems(msgspec.structs.replace(card, scores=each, means=means))


def train(
    data: Sequence[Path], folder: Path, *, seed: int, steps: int, say: Say = print
) -> list[str]:
    """Train on the series in folders, write model and card to `folder`; return what is wrong with it.

    Takes some minutes of one core. Raises Invalid when the data cannot be read, ImportError without torch.
    """
    from aether_forge.training import learning  # noqa: PLC0415 - torch is needed for training alone

    began = time.process_time()
    every = load_all(data)
    trained = chosen(every)
    left_out = [one.name for one in every if one not in trained]
    say(f"{len(trained)} series; left out: {', '.join(left_out) or 'none'}")
    learned = learning.learn(trained, seed=seed, steps=steps, say=say)
    session = Session(learned.model)
    difference = _difference(session, learned)
    cpu_s = time.process_time() - began
    scores = scores_of(every, session)
    tells, each, means = described(every, trained, scores)
    card = Card(
        name=f"mixer-{learned.sha256[:8]}",
        sha256=learned.sha256,
        bytes=len(learned.model),
        horizon=learning.HORIZON,
        quantiles=learning.QUANTILES,
        training=msgspec.structs.replace(learned.training, cpu_s=round(cpu_s, 1)),
        data=tells,
        scores=each,
        means=means,
        torch_difference=difference,
        notes=learning.NOTES,
    )
    save(folder, card, learned.model)
    for line in table(scores):
        say(line)
    say(f"{folder}: {len(learned.model)} bytes, {cpu_s:.0f} CPU-seconds")
    return problems(card)


def _difference(session: Session, learned: "Learned") -> float:
    """Return the largest difference between file and network, relative to each window's largest answer."""
    found = session.run(learned.asked)
    largest = np.maximum(np.abs(learned.answered).max(axis=(1, 2), keepdims=True), 1e-9)
    return float((np.abs(found - learned.answered) / largest).max())
