import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from aether.core.model.node_certificate import nodes_named
from aether.errors import ConfigInvalid
from aether.store.native.tls import check_own, explain
from tests.certificates import Authority


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


def test_our_own_certificate_must_name_us(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    check_own(authority.issue("n1"), "n1")
    check_own(authority.issue("n2", spiffe=False), "n2")
    with pytest.raises(ConfigInvalid, match=r"names n2, not n1.*node/n1"):
        check_own(authority.issue("n2"), "n1")
    mixed = replace(authority.issue("n1"), key=authority.issue("n3").key)
    with pytest.raises(ConfigInvalid, match=r"ca-n1.pem \(or its key\)"):
        check_own(mixed, "n1")


def test_our_own_certificate_may_be_out_of_date(tmp_path: Path) -> None:
    with capture_logs() as said:
        check_own(Authority(tmp_path).issue("n1", expired=True), "n1")
    assert "expired" in said[0]["problem"]
