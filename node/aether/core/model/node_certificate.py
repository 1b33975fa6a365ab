"""Which node a verified certificate speaks for."""

from collections.abc import Mapping
from typing import Any

_SPIFFE = "spiffe://"
_NODE = "/node/"


def nodes_named(certificate: Mapping[str, Any]) -> frozenset[str]:
    """Return the nodes a verified certificate speaks for, from its subject alternative names.

    `certificate` is as `ssl.SSLObject.getpeercert` tells it. A URI `spiffe://…/node/{node}` names a
    node, and so does a DNS name.
    """
    names: set[str] = set()
    for kind, value in certificate.get("subjectAltName", ()):
        if kind == "DNS":
            names.add(value)
        elif kind == "URI" and value.startswith(_SPIFFE):
            _, found, node = value.rpartition(_NODE)
            if found and node:
                names.add(node)
    return frozenset(names)
