from dataclasses import dataclass
from enum import Enum

import msgspec
import pydantic
import pytest

from aether.sdk.values import (
    ValueProblem,
    convert,
    decode_json,
    decode_msgpack,
    encode_json,
    encode_msgpack,
    is_model,
)


@dataclass
class Plain:
    name: str
    size: int = 1


class Compact(msgspec.Struct):
    name: str
    parts: list[Plain] = []


class Model(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=2)
    size: int = pydantic.Field(default=1, le=10)


class Colour(Enum):
    RED = "red"


@dataclass
class Holder:
    model: Model


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (Plain("a"), Plain),
        (Compact("a", [Plain("b", 2)]), Compact),
        (Model(name="ab"), Model),
        (Holder(Model(name="ab")), Holder),
        ([Plain("a"), Plain("b")], list[Plain]),
        ({"a": 1}, dict[str, int]),
        (None, Plain | None),
        (Colour.RED, Colour),
        ("text", str),
    ],
)
def test_values_make_the_round_trip(value: object, kind: object) -> None:
    assert decode_json(encode_json(value), kind) == value
    assert decode_msgpack(encode_msgpack(value), kind) == value


def problems(raw: bytes, kind: object) -> list[tuple[str, str]]:
    with pytest.raises(ValueProblem) as refused:
        decode_json(raw, kind)
    return refused.value.problems


def test_what_does_not_fit_is_named_by_its_field() -> None:
    assert problems(b'{"name": 5}', Plain)[0][0] == "name"
    assert problems(b"{}", Plain) == [("name", "Object missing required field `name`")]
    assert problems(b'{"name":"x","parts":[{"name":1}]}', Compact)[0][0] == "parts[0].name"
    assert problems(b"[]", Plain)[0][0] == ""
    assert problems(b"not json", Plain)[0][0] == ""


def test_a_model_names_all_its_problems() -> None:
    found = problems(b'{"name": "x", "size": 11}', Model)
    assert [field for field, _ in found] == ["name", "size"]
    assert [field for field, _ in problems(b'{"model": {"name": "x"}}', Holder)] == ["name"]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("42", int, 42),
        ("-1.5", float, -1.5),
        ("true", bool, True),
        ("0", bool, False),
        ("null", str, "null"),
        ("7", int | None, 7),
        ("x", str | None, "x"),
        ("red", Colour, Colour.RED),
    ],
)
def test_text_becomes_what_the_annotation_says(text: str, kind: object, value: object) -> None:
    assert convert(text, kind, from_text=True) == value


@pytest.mark.parametrize(("text", "kind"), [("x", int), ("", int), ("2", bool), ("blue", Colour)])
def test_text_that_is_something_else_is_refused(text: str, kind: object) -> None:
    with pytest.raises(ValueProblem):
        convert(text, kind, from_text=True)


def test_a_value_without_a_form_says_what_to_return_instead() -> None:
    with pytest.raises(TypeError, match="return a dataclass"):
        encode_json(object())


def test_only_models_are_models() -> None:
    assert is_model(Model)
    assert not is_model(Plain)
    assert not is_model(Model(name="ab"))
