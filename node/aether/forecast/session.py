"""The model in onnxruntime: one thread, a batch at a time. The only module that imports onnxruntime.

Importing it costs some 0.1 s and 20 MB, so `aether.forecast.runtime` does it only when a model is used.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import onnxruntime

from aether.forecast.card import ModelUnusable
from aether.forecast.inputs import Batch, Flags, Floats, Inputs
from aether.forecast.shape import HORIZON, INPUTS, OUTPUT, QUANTILES

Row = tuple[float, float, float, float]
Rows = tuple[Row, ...]
"""HORIZON rows of QUANTILES, in the units of the history."""
_FATAL_ONLY = 4


class Session:
    """A loaded model; not for two threads at a time."""

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL_ONLY
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises a dozen kinds without a base of their own
            raise ModelUnusable(f"the model cannot be loaded: {str(error)[:300]}") from error
        self._check_shape()

    def _check_shape(self) -> None:
        inputs = {one.name: one.shape[1:] for one in self._session.get_inputs()}
        outputs = {one.name: one.shape[1:] for one in self._session.get_outputs()}
        wanted = {name: [width] for name, width in INPUTS.items()}
        if inputs != wanted or outputs != {OUTPUT: [HORIZON, len(QUANTILES)]}:
            raise ModelUnusable(
                f"the model takes {inputs} and answers {outputs}; {wanted} and {OUTPUT}"
                f" [{HORIZON}, {len(QUANTILES)}] are needed"
            )

    def run(self, inputs: Inputs) -> Floats:
        """Return quantiles [batch, HORIZON, len(QUANTILES)] for a batch of inputs."""
        found: Floats = self._session.run([OUTPUT], dict(inputs))[0]
        return found

    def predict(self, histories: Sequence[Sequence[float]], step_s: float) -> list[Rows | None]:
        """Return a forecast for each history; None for one too short, and for an answer that is no number."""
        answers: list[Rows | None] = [None] * len(histories)
        batch = Batch.read(histories, step_s)
        asked = batch.long_enough()
        if not asked.size:
            return answers
        found = self.run(batch.rows(asked).inputs())
        finite: Flags = np.logical_and.reduce(np.isfinite(found), axis=(1, 2))
        for row, rows, whole in zip(asked.tolist(), _rows(found), finite, strict=True):
            if whole:
                answers[row] = rows
        return answers


def _rows(found: Floats) -> Iterator[Rows]:
    """Return a batch of quantiles as plain numbers, without a list of each row in between."""
    numbers = iter(found.ravel().tolist())
    rows: Iterator[Row] = zip(numbers, numbers, numbers, numbers, strict=True)
    return zip(*[rows] * HORIZON, strict=True)
