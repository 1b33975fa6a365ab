"""What tells rows apart, and what goes without saying."""

from aether.core.dataplane.rows import Endpoint, RouteRow, SlicePolicy
from aether.core.model.ids import InstanceId, NodeId, SliceBase

BASE = SliceBase("a:b")


def test_keys_tell_rows_apart() -> None:
    row = RouteRow(method="GET", pattern="/x", slice=BASE, host="h")
    assert row.key == ("h", "GET", "/x")
    endpoint = Endpoint(
        instance=InstanceId("a:b:1.0.0/3"), slice=BASE, node=NodeId("n"), mesh="h:1"
    )
    assert (endpoint.key, endpoint.address) == (endpoint.instance, "h:1")
    assert SlicePolicy(slice=BASE).key == BASE


def test_a_policy_of_defaults_is_one_whatever_its_slice() -> None:
    assert SlicePolicy(slice=BASE).is_default
    assert not SlicePolicy(slice=BASE, concurrency=1).is_default


def test_affinity_is_read_as_scheme_and_name() -> None:
    assert SlicePolicy(slice=BASE, affinity="path:user").affinity_key == ("path", "user")
    assert SlicePolicy(slice=BASE).affinity_key == ("", "")
