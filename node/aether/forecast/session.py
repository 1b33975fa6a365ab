"""The model in onnxruntime: one thread, a batch at a time. The only module that imports onnxruntime.

Importing it costs some 0.1 s and 20 MB, so `aether.forecast.runtime` does it only when a model is used.
"""

import math
from collections.abc import Sequence

import numpy as np
import onnxruntime

from aether.forecast.card import ModelUnusable
from aether.forecast.inputs import Floats, Inputs, build
from aether.forecast.shape import HORIZON, INPUTS, LEAST_HISTORY, OUTPUT, QUANTILES

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
        asked = [row for row, past in enumerate(histories) if _long_enough(past)]
        if asked:
            found = self.run(build([histories[row] for row in asked], step_s))
            finite = np.isfinite(found)
            for place, quantiles in enumerate(found.tolist()):
                if finite[place].all():
                    answers[asked[place]] = tuple(map(tuple, quantiles))
        return answers


def _long_enough(past: Sequence[float]) -> bool:
    """Whether enough of the newest steps were measured, the last one or the one before among them."""
    newest = past[-LEAST_HISTORY * 2 :]
    known = sum(map(math.isfinite, newest))
    return known >= LEAST_HISTORY and any(map(math.isfinite, newest[-2:]))
