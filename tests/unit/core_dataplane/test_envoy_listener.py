"""How Envoy listens; that it does is in tests/integration/test_edges.py."""

from dataclasses import replace
from typing import Any

from aether.core.dataplane.envoy import LISTENERS, snapshot, steps
from aether.core.dataplane.envoy_listener import CERTIFICATE, SECRETS, Place, listener, secret
from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId

PLAIN = Place(folder="/etc/edge", address="::1", port=8070)
TLS = replace(PLAIN, certificate="/etc/pki/shop.pem")
TABLE = Table(revision=1, node=NodeId("n"))


def chain(place: Place) -> Any:
    (found,) = listener(place)["filter_chains"]
    return found


def test_it_listens_in_the_clear_unless_there_is_a_certificate() -> None:
    assert listener(PLAIN)["address"]["socket_address"] == {"address": "::1", "port_value": 8070}
    assert "transport_socket" not in chain(PLAIN)
    assert SECRETS not in snapshot(TABLE, PLAIN)


def test_with_a_certificate_it_offers_http_2_and_then_http_1() -> None:
    offered = chain(TLS)["transport_socket"]["typed_config"]["common_tls_context"]
    assert offered["alpn_protocols"] == ["h2", "http/1.1"]
    (named,) = offered["tls_certificate_sds_secret_configs"]
    assert named["name"] == CERTIFICATE == secret(TLS.certificate)["name"]
    assert named["sds_config"]["path_config_source"]["path"] == f"/etc/edge/{SECRETS}"


def test_the_certificate_is_watched_where_it_is() -> None:
    told = secret(TLS.certificate)["tls_certificate"]
    assert told["watched_directory"] == {"path": "/etc/pki"}
    assert told["private_key"] == told["certificate_chain"] == {"filename": "/etc/pki/shop.pem"}
    assert secret("/shop.pem")["tls_certificate"]["watched_directory"] == {"path": "/"}


def test_the_certificate_is_named_before_the_listener_that_needs_it() -> None:
    before, after = snapshot(TABLE, PLAIN), snapshot(TABLE, TLS)
    assert [path for path, _ in steps(before, after)] == [SECRETS, LISTENERS]
    assert [path for path, _ in steps(after, before)] == [LISTENERS]
