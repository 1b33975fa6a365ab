"""The reference says of every key what it is."""

from aether.config.blueprint_model import TABLES
from aether.config.blueprint_schema import (
    heading,
    json_schema,
    keys_of,
    reference_lines,
    unkept_keys,
)
from aether.config.blueprint_unkept import UNKEPT


def test_every_key_stands_in_the_reference_kept_or_not() -> None:
    text = "\n".join(reference_lines())
    for path, table in TABLES.items():
        for name in table.model_fields:
            kept = path not in UNKEPT
            assert not kept or f"`{name}`" in text or f"`{path[-1]}.{name}`" in text, (path, name)
    assert text.index("affinity") < text.index("Not in this version") < text.index("slices.limits`")


def test_keys_in_words() -> None:
    shapes = {key.name: (key.shape, key.default) for key in keys_of(("slices",))}
    assert shapes["instances"] == ("whole number, 1 to 1000", "1")
    assert shapes["timeout"] == ("length of time", "")
    assert shapes["on_dependency_loss"] == ('"cascade" or "degrade" or "block"', '"block"')
    assert "limits" not in shapes
    assert {key.name for key in unkept_keys()} == {
        ".".join(str(part) for part in path) for path in UNKEPT
    }


def test_tables_are_headed_as_toml_writes_them() -> None:
    assert [heading(path) for path in ((), ("slices",), ("deployment", "stages"))] == [
        "",
        "[[slices]]",
        "[[deployment.stages]]",
    ]


def test_the_json_schema_is_closed_and_marks_what_is_not_kept() -> None:
    schema = json_schema()
    assert schema["additionalProperties"] is False
    slice_ = schema["$defs"]["SliceTable"]["properties"]
    assert slice_["timeout"]["anyOf"][0]["type"] == ["string", "number"]
    assert "no limits on memory" in slice_["limits"]["$comment"]
    assert "$comment" not in slice_["affinity_key"]
    assert "$comment" not in slice_["min_available"]
