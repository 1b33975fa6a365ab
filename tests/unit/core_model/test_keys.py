"""How keys are written and read back."""

import pytest

from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId

N1, I0 = NodeId("n1"), InstanceId("org.example:shop:1.0.0/0")


def test_placed_keys_round_trip() -> None:
    assert keys.wanted(N1, I0) == "wanted/n1/org.example:shop:1.0.0/0"
    assert keys.read_placed(keys.wanted(N1, I0), keys.WANTED) == (N1, I0)
    assert keys.read_placed(keys.phase(N1, I0), keys.PHASES) == (N1, I0)
    for wrong in ("wanted/n1", "phase/n1/x", "wanted/n1/org.example:shop/0"):
        with pytest.raises(ValueError, match=r"is not a"):
            keys.read_placed(wrong, keys.WANTED)


def test_route_keys_round_trip_whatever_the_path() -> None:
    key = keys.route("GET", "/a b/{c}")
    assert keys.read_route(key) == ("GET", "/a b/{c}")
    with pytest.raises(ValueError, match="not a key"):
        keys.read_route("route/GET")


@pytest.mark.parametrize(
    ("key", "is_system"),
    [
        ("cluster", True),
        ("control/epoch", True),
        ("wanted/n1/x", True),
        ("artifact/a:b:1.0.0", True),
        ("clusters", False),
        ("flag/dark-mode", False),
        ("app/org.example:shop/x", False),
        ("", False),
    ],
)
def test_what_only_aether_may_write(key: str, *, is_system: bool) -> None:
    assert keys.is_system(key) == is_system


def test_no_family_begins_with_another() -> None:
    families = [*keys.SYSTEM_FAMILIES, keys.APP]
    for one in families:
        assert not [other for other in families if other != one and other.startswith(one)]
