"""Names are checked before anybody is asked."""

import click
import pytest

from aether.cli.names import BLUEPRINT, DIGEST, GIVEN, NODE, SLICE, NameType


@pytest.mark.parametrize(
    ("kind", "name"),
    [(NODE, "node-1"), (SLICE, "org.example:shop"), (BLUEPRINT, "a.b:c-d"), (DIGEST, "0a" * 32)],
)
def test_good_names(kind: NameType, name: str) -> None:
    assert kind.convert(name, None, None) == name


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        (NODE, "../etc", "node id"),
        (SLICE, "shop", "group:name"),
        (SLICE, "a:b/../c", "group:name"),
        (BLUEPRINT, "shop", "not a blueprint"),
        (GIVEN, " ", "is empty"),
        (DIGEST, "", "no digest of a plan"),
        (DIGEST, "12", "no digest of a plan"),
        (DIGEST, "0A" * 32, "64 hexadecimal digits"),
        (BLUEPRINT, "a.b:c:1.0.0", "without its version: a.b:c"),
    ],
)
def test_bad_names(kind: NameType, name: str, words: str) -> None:
    with pytest.raises(click.BadParameter, match=words):
        kind.convert(name, None, None)
