"""The model in onnxruntime: one thread, a batch at a time. The only module that imports onnxruntime.

Importing it costs some 0.1 s and 20 MB, and holds up every other thread: `aether.forecast.worker` does it in its
own process, simulators and training in theirs.
"""

from collections.abc import Sequence

import numpy as np
import onnxruntime

from aether.forecast.card import ModelUnusable
from aether.forecast.inputs import Batch, Flags, Floats, Inputs
from aether.forecast.packing import Answer, Packed, Rows, packed, unpacked
from aether.forecast.shape import HORIZON, INPUTS, OUTPUT, QUANTILES

_FATAL_ONLY = 4


class Session:
    """A loaded model; not for two threads at a time."""

    cpu_elsewhere_s = 0.0
    """CPU time spent outside of the thread that asks: none."""

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
        """Return quantiles [batch, HORIZON, len(QUANTILES)] for a batch of inputs.

        As float32 whatever the model answers: an answer's bytes are read as that.
        """
        return np.asarray(self._session.run([OUTPUT], dict(inputs))[0], np.float32)

    def answer(self, batch: Packed) -> Answer:
        """Answer a batch: nothing of histories too short, and of those whose forecast is no number."""
        read = Batch.read(batch)
        asked = read.long_enough()
        if not asked.size:
            return Answer()
        found = self.run(read.rows(asked).inputs())
        finite: Flags = np.logical_and.reduce(np.isfinite(found), axis=(1, 2))
        if not finite.all():
            asked, found = asked[finite], found[finite]
        return Answer(tuple(asked.tolist()), found.tobytes())

    def predict(self, histories: Sequence[Sequence[float]], step_s: float) -> list[Rows | None]:
        """Return a forecast for each history; None for one too short, and for an answer that is no number."""
        return unpacked(self.answer(packed(histories, step_s)), len(histories))

    def leave(self) -> None:
        """Nobody waits long."""

    def close(self) -> None:
        """Nothing is held that the garbage collector does not find."""
