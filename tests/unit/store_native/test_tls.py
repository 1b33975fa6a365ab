import ssl

import pytest

from aether.store.native.tls import explain, nodes_named


@pytest.mark.parametrize(
    ("name", "nodes"),
    [
        (("DNS", "node-1"), {"node-1"}),
        (("URI", "spiffe://cluster/node/node-2"), {"node-2"}),
        (("URI", "spiffe://a/b/node/node-3"), {"node-3"}),
        (("URI", "https://cluster/node/node-2"), set()),
        (("URI", "spiffe://cluster/worker/node-2"), set()),
        (("URI", "spiffe://cluster/node/"), set()),
        (("IP Address", "10.0.0.1"), set()),
        (("email", "node-1"), set()),
    ],
)
def test_a_certificate_speaks_for_the_nodes_it_names(
    name: tuple[str, str], nodes: set[str]
) -> None:
    assert nodes_named({"subjectAltName": (name,)}) == nodes


def test_a_common_name_is_no_identity() -> None:
    assert nodes_named({"subject": ((("commonName", "node-1"),),)}) == set()


def test_failures_are_said_in_words() -> None:
    plain = ssl.SSLError(1, "wrong version number")
    plain.reason = "WRONG_VERSION_NUMBER"
    assert "set tls on both" in explain(plain)
    other = ssl.SSLError(1, "odd")
    other.reason = "ODD_THING"
    assert "ODD_THING" in explain(other)
    assert "its log says why" in explain(ConnectionResetError())
    assert explain(OSError()) == "OSError"
