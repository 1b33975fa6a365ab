"""Writes the trained network as an ONNX graph, node by node: the file depends on the weights alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from aether.forecast.shape import DAY, FINE, HORIZON, INPUTS, OUTPUT, QUANTILES
from aether_forge.training.network import (
    ANSWERS,
    FARTHEST,
    PATCH,
    PATCHES,
    STEADY,
    WIDTH,
    Block,
    Dense,
    Mixer,
    Network,
)

OPSET = 17
IR_VERSION = 8


def write(network: Network) -> bytes:
    """Return the network as the bytes of an ONNX file."""
    draft = _Draft()
    scale, last, spread, shape, known = _normalised(draft)
    skip = draft.linear("skip", network.skip, shape)
    mixed = _ordered(draft, draft.add("Add", _mixer(draft, network.mixer, shape, known), skip))
    dense = _ordered(draft, draft.add("Add", _dense(draft, network.dense, shape, known), skip))
    answer = draft.add("Mul", draft.add("Add", mixed, dense), draft.number("half", 0.5))
    flat = draft.add("Reshape", answer, draft.shape("answers", [-1, ANSWERS]))
    compressed = draft.add("Add", last, draft.add("Mul", spread, flat))
    low, high = draft.number("low", -FARTHEST), draft.number("high", FARTHEST)
    bounded = draft.add("Clip", compressed, low, high)
    rates = draft.add("Relu", draft.add("Mul", scale, draft.add("Sinh", bounded)))
    draft.add("Reshape", rates, draft.shape("out", [-1, HORIZON, len(QUANTILES)]), output=OUTPUT)
    return draft.finish()


class _Draft:
    """Nodes and constants of a graph being written."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def add(self, kind: str, *inputs: str, output: str = "", **settings: object) -> str:
        """Add a node and return the name of its output."""
        name = output or f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **settings))
        return name

    def tensor(self, name: str, values: npt.NDArray[Any]) -> str:
        """Return the name of a constant."""
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def number(self, name: str, value: float) -> str:
        """Return the name of one float."""
        return self.tensor(name, np.array(value, np.float32))

    def shape(self, name: str, values: Sequence[int]) -> str:
        """Return the name of a list of integers."""
        return self.tensor(name, np.array(values, np.int64))

    def linear(self, name: str, layer: torch.nn.Linear, given: str, *, relu: bool = False) -> str:
        """Multiply a matrix by a layer's weights and add its bias."""
        weights = self.tensor(f"{name}_w", layer.weight.detach().numpy().T)
        found = self.add(
            "Gemm", given, weights, self.tensor(f"{name}_b", layer.bias.detach().numpy())
        )
        return self.add("Relu", found) if relu else found

    def flat(self, given: str, width: int) -> str:
        """Return all rows as one matrix: one product then serves them all."""
        return self.add("Reshape", given, self.shape(f"flat{width}", [-1, width]))

    def rows(self, given: str, rows: int, width: int) -> str:
        """Return a matrix as [batch, rows, width]."""
        return self.add("Reshape", given, self.shape(f"rows{rows}x{width}", [-1, rows, width]))

    def slice(self, given: str, axis: int, first: int, last: int) -> str:
        """Cut along one axis."""
        bounds = [self.shape(f"i{value}", [value]) for value in (first, last, axis)]
        return self.add("Slice", given, *bounds)

    def finish(self) -> bytes:
        """Return the checked graph as bytes."""
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width])
            for name, width in INPUTS.items()
        ]
        shape = ["batch", HORIZON, len(QUANTILES)]
        outputs = [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, shape)]
        constants = [self._constants[name] for name in sorted(self._constants)]
        graph = helper.make_graph(self._nodes, "forecaster", inputs, outputs, constants)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], producer_name="aether")
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))


def _normalised(draft: _Draft) -> tuple[str, str, str, str, str]:
    """Return scale, last value, spread, shape and mask, as `Network.compressed` defines them."""
    one = draft.number("one", 1.0)
    axis = draft.shape("i1", [1])
    count = draft.add("Max", draft.add("ReduceSum", "fine_ok", axis), one)
    seen = draft.add("ReduceSum", draft.add("Mul", "fine", "fine_ok"), axis)
    mean = draft.add("Div", seen, count)
    scale = draft.add("Where", draft.add("Greater", mean, draft.number("zero", 0.0)), mean, one)
    ones = draft.tensor("day_ones", np.ones((1, DAY), np.float32))
    known = draft.add("Concat", "fine_ok", "coarse_ok", draft.add("Mul", "day_ok", ones), axis=1)
    every = draft.add("Concat", "fine", "coarse", "day", axis=1)
    levels = _asinh(draft, draft.add("Div", every, scale))
    last = draft.slice(levels, 1, FINE - 1, FINE)
    level = draft.slice(levels, 1, 0, FINE)
    centre = draft.add(
        "Div", draft.add("ReduceSum", draft.add("Mul", level, "fine_ok"), axis), count
    )
    away = draft.add("Mul", draft.add("Abs", draft.add("Sub", level, centre)), "fine_ok")
    spread = draft.add(
        "Add",
        draft.add("Div", draft.add("ReduceSum", away, axis), count),
        draft.number("steady", STEADY),
    )
    offset = draft.add("Div", draft.add("Sub", levels, last), spread)
    sign = draft.add("Sign", offset)
    shape = draft.add("Mul", draft.add("Mul", sign, _asinh(draft, draft.add("Abs", offset))), known)
    return scale, last, spread, shape, known


def _asinh(draft: _Draft, given: str) -> str:
    """Compress what is not negative. By logarithm: there the runtime works on many at a time."""
    root = draft.add("Sqrt", draft.add("Add", draft.add("Mul", given, given), "one"))
    return draft.add("Log", draft.add("Add", given, root))


def _mixer(draft: _Draft, mixer: Mixer, shape: str, known: str) -> str:
    values, masks = draft.rows(shape, PATCHES, PATCH), draft.rows(known, PATCHES, PATCH)
    patches = draft.flat(draft.add("Concat", values, masks, axis=2), 2 * PATCH)
    embedded = draft.rows(draft.linear("embed", mixer.embed, patches), PATCHES, WIDTH)
    tokens = draft.add("Add", embedded, draft.tensor("place", mixer.place.detach().numpy()))
    for number, block in enumerate(mixer.blocks):
        tokens = _mixed(draft, block, f"b{number}", tokens)
    return draft.linear("mixer_head", mixer.head, draft.flat(tokens, PATCHES * WIDTH))


def _mixed(draft: _Draft, block: Block, name: str, tokens: str) -> str:
    across = draft.flat(draft.add("Transpose", tokens, perm=[0, 2, 1]), PATCHES)
    across = draft.linear(f"{name}_pi", block.patches_in, across, relu=True)
    across = draft.rows(draft.linear(f"{name}_po", block.patches_out, across), WIDTH, PATCHES)
    tokens = draft.add("Add", tokens, draft.add("Transpose", across, perm=[0, 2, 1]))
    within = draft.flat(_normed(draft, f"{name}_n", block.norm, tokens), WIDTH)
    within = draft.linear(f"{name}_ci", block.channels_in, within, relu=True)
    within = draft.rows(draft.linear(f"{name}_co", block.channels_out, within), PATCHES, WIDTH)
    return draft.add("Add", tokens, within)


def _dense(draft: _Draft, dense: Dense, shape: str, known: str) -> str:
    given = draft.add("Concat", shape, known, axis=1)
    seen = draft.linear("first", dense.first, given, relu=True)
    normed = _normed(draft, "dense_norm", dense.norm, seen)
    inner = draft.linear("inner", dense.inner, normed, relu=True)
    seen = draft.add("Add", seen, draft.linear("outer", dense.outer, inner))
    return draft.linear("dense_head", dense.head, seen)


def _normed(draft: _Draft, name: str, layer: torch.nn.LayerNorm, given: str) -> str:
    weights = draft.tensor(f"{name}_w", layer.weight.detach().numpy())
    bias = draft.tensor(f"{name}_b", layer.bias.detach().numpy())
    return draft.add("LayerNormalization", given, weights, bias, axis=-1, epsilon=layer.eps)


def _ordered(draft: _Draft, raw: str) -> str:
    each = draft.add("Reshape", raw, draft.shape("out", [-1, HORIZON, len(QUANTILES)]))
    gaps = draft.add("Softplus", each)
    median = draft.slice(each, 2, 1, 2)
    low = draft.add("Sub", median, draft.slice(gaps, 2, 0, 1))
    high = draft.add("Add", median, draft.slice(gaps, 2, 2, 3))
    highest = draft.add("Add", high, draft.slice(gaps, 2, 3, 4))
    return draft.add("Concat", low, median, high, highest, axis=2)
