import pytest

from aether.config.toml import MAX_DEPTH, load_toml
from aether.errors import ConfigInvalid


def test_values_come_back_plain() -> None:
    assert load_toml('a = 1\n[b]\nc = ["x"]\n', "t.toml") == {"a": 1, "b": {"c": ["x"]}}


def test_a_mistake_is_named_with_its_place() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load_toml("a = 1\nb = [1,,]\n", "t.toml")
    assert caught.value.problems == ["t.toml:2:8: not TOML: Invalid value"]


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 5_000])
def test_deep_nesting_is_refused_not_suffered(depth: int) -> None:
    with pytest.raises(ConfigInvalid, match="nested deeper"):
        load_toml("a = " + "[" * depth + "]" * depth, "t.toml")


def test_nesting_within_the_limit_is_read() -> None:
    depth = MAX_DEPTH - 1
    assert load_toml("a = " + "[" * depth + "]" * depth, "t.toml")["a"] is not None
