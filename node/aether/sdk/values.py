"""Typed values to bytes and back: dataclasses, msgspec structs, pydantic models, plain types.

Pydantic is never imported here: a model can only be asked for once its author has imported it.
"""

import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec


class ValueProblem(ValueError):
    """A value that does not fit its annotation; `problems` are (field, sentence) pairs."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__(
            "; ".join(f"{field}: {text}" if field else text for field, text in problems)
        )
        self.problems = problems


def is_model(kind: object) -> bool:
    """Whether `kind` is a pydantic model class."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def encode_json(value: object) -> bytes:
    """Return a typed value as JSON; raise TypeError for one that has no JSON form."""
    return _JSON.encode(value)


def encode_msgpack(value: object) -> bytes:
    """Return a typed value as msgpack; raise TypeError for one that has no such form."""
    return _MSGPACK.encode(value)


def decode_json(raw: bytes, kind: object) -> Any:  # noqa: ANN401 - of class `kind`
    """Read JSON as `kind`; raise ValueProblem naming every field that does not fit."""
    return _guarded(lambda: _json_decoder(kind).decode(raw))


def decode_msgpack(raw: bytes, kind: object) -> Any:  # noqa: ANN401 - of class `kind`
    """Read msgpack as `kind`; raise ValueProblem naming every field that does not fit."""
    return _guarded(lambda: _msgpack_decoder(kind).decode(raw))


def convert(value: object, kind: object, *, from_text: bool = False) -> Any:  # noqa: ANN401 - of class `kind`
    """Make plain values a `kind`; `from_text` also reads numbers and truth values out of strings.

    >>> convert("42", int, from_text=True)
    42
    """
    return _guarded(
        lambda: msgspec.convert(value, type=kind, strict=not from_text, dec_hook=_read_model)
    )


def _write_model(value: object) -> object:
    if is_model(type(value)):
        return value.model_dump(mode="json")  # type: ignore[attr-defined] # pydantic is not imported here
    raise TypeError(f"{type(value).__name__} has no JSON form: return a dataclass, struct or model")


class _ModelProblem(Exception):
    """Carries pydantic's findings through msgspec, which would flatten a ValueError."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("a model refused its value")
        self.problems = problems


def _read_model(kind: type, value: object) -> object:
    if not is_model(kind):
        raise NotImplementedError(f"values of class {kind.__name__} cannot be read")
    pydantic = sys.modules["pydantic"]
    try:
        return kind.model_validate(value)  # type: ignore[attr-defined] # pydantic is not imported here
    except pydantic.ValidationError as refused:
        found = [
            (".".join(str(part) for part in error["loc"]), str(error["msg"]))
            for error in refused.errors(include_url=False)
        ]
        raise _ModelProblem(found) from refused


_JSON = msgspec.json.Encoder(enc_hook=_write_model)
_MSGPACK = msgspec.msgpack.Encoder(enc_hook=_write_model)


@lru_cache(maxsize=1024)
def _json_decoder(kind: object) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(kind, dec_hook=_read_model)


@lru_cache(maxsize=1024)
def _msgpack_decoder(kind: object) -> "msgspec.msgpack.Decoder[Any]":
    return msgspec.msgpack.Decoder(kind, dec_hook=_read_model)


def _guarded(read: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever `read` returns
    try:
        return read()
    except _ModelProblem as refused:
        raise ValueProblem(refused.problems) from refused
    except (msgspec.MsgspecError, UnicodeDecodeError) as refused:
        raise ValueProblem([_place(str(refused))]) from refused


def _place(message: str) -> tuple[str, str]:
    """Split msgspec's sentence into the field it is about and what is wrong.

    >>> _place("Expected `int`, got `str` - at `$.size`")
    ('size', 'Expected `int`, got `str`')
    >>> _place("Object missing required field `url`")
    ('url', 'Object missing required field `url`')
    """
    text, _, path = message.partition(" - at `$")
    field = path.rstrip("`").lstrip(".")
    if "required field `" in text:
        missing = text.rpartition("required field `")[2].rstrip("`")
        field = f"{field}.{missing}" if field else missing
    return field, text
