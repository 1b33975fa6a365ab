"""Names of series as queries write them."""

import pytest

from aether.telemetry.exposition.series import Kind, Series


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("counter", "aether_x_total"),
        ("info", "aether_x_info"),
        ("gauge", "aether_x"),
        ("histogram", "aether_x"),
    ],
)
def test_the_name_in_text(kind: Kind, name: str) -> None:
    assert Series(name="aether_x", kind=kind, help="X.", source="s").text_name == name
