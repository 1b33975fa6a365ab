"""The inputs of a decision as the text a reason carries, and back: what was decided can be decided again.

A decision module asks a small question (an immutable value with everything the decision depends on),
answers it with a pure function, and keeps both in the reason: `write(question, decision)`.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from aether.core.model.records import from_plain, to_plain

DECISION = "decision"
"""Name of the input that holds what was decided."""

Evaluate = Callable[[Mapping[str, str]], str]
"""Makes a decision again from the inputs of its reason."""

_Q = TypeVar("_Q")


def write(question: object, decision: str) -> dict[str, str]:
    """Return the inputs of a reason: each field of the question as JSON, and the decision."""
    fields = {
        name: msgspec.json.encode(value, order="deterministic").decode()
        for name, value in to_plain(question).items()
    }
    return {**fields, DECISION: decision}


def read(inputs: Mapping[str, str], kind: type[_Q]) -> _Q:
    """Return the question that `write` wrote; raise ValueError when it is another."""
    try:
        fields = {
            name: msgspec.json.decode(text) for name, text in inputs.items() if name != DECISION
        }
    except msgspec.DecodeError as problem:
        raise ValueError(f"inputs that are no {kind.__name__}: {problem}") from problem
    return from_plain(fields, kind)


def show(inputs: Mapping[str, str]) -> dict[str, Any]:
    """Return the inputs of any reason as people read them: what `write` wrote as values, the rest as text."""
    if DECISION not in inputs:
        return dict(inputs)
    return {name: text if name == DECISION else _value(text) for name, text in inputs.items()}


def _value(text: str) -> Any:  # noqa: ANN401 - JSON values
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return text
