import pytest

from aether.core.model.node_certificate import nodes_named


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        (("URI", "spiffe://one/node/node-1"), {"node-1"}),
        (("URI", "spiffe://one/ns/x/node/node-1"), {"node-1"}),
        (("URI", "spiffe://one/slice/node-1"), set()),
        (("URI", "spiffe://one/node/"), set()),
        (("URI", "https://one/node/node-1"), set()),
        (("DNS", "node-1"), {"node-1"}),
        (("email", "node-1"), set()),
    ],
)
def test_a_certificate_names_nodes_by_uri_or_dns(name: tuple[str, str], nodes: set[str]) -> None:
    assert nodes_named({"subjectAltName": (name,)}) == nodes


def test_a_common_name_names_nobody() -> None:
    assert nodes_named({"subject": ((("commonName", "node-1"),),)}) == set()
    assert nodes_named({}) == set()
