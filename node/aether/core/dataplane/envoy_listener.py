"""Where an Envoy at the edge listens, how clients speak to it, and by which certificate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
TYPE = "type.googleapis.com/envoy."
ROUTES, SECRETS = "rds.json", "sds.json"
CERTIFICATE = "edge"
"""What the one certificate is called."""
_LARGEST_HEAD_KB = 64
_STREAMS = 100
_WINDOW_BYTES = 64 * 1024
_CONNECTION_WINDOW_BYTES = 1024 * 1024
"""Bounds of HTTP/2, as Envoy advises for edges: its own defaults let one client hold 256 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where Envoy listens and reads; paths are absolute."""

    folder: str
    address: str
    port: int
    certificate: str = ""
    """PEM file of certificate, chain and key: with it clients speak TLS, and HTTP/2 if they can."""


def source(folder: str, path: str) -> Json:
    """Return where Envoy reads one file; it looks at it again when another is renamed into its place."""
    return {
        "resource_api_version": "V3",
        "path_config_source": {
            "path": f"{folder}/{path}",
            "watched_directory": {"path": f"{folder}/{path}".rpartition("/")[0]},
        },
    }


def secret(certificate: str) -> Json:
    """Return the certificate as Envoy wants it named: read again when a file in its folder is renamed."""
    return {
        "@type": TYPE + "extensions.transport_sockets.tls.v3.Secret",
        "name": CERTIFICATE,
        "tls_certificate": {
            "certificate_chain": {"filename": certificate},
            "private_key": {"filename": certificate},
            "watched_directory": {"path": certificate.rpartition("/")[0] or "/"},
        },
    }


def listener(place: Place) -> Json:
    """Return the listener, without its type."""
    manager = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": _manager(place.folder),
    }
    chain: dict[str, Any] = {"filters": [manager]}
    if place.certificate:
        chain["transport_socket"] = _tls(place.folder)
    return {
        "name": "aether",
        "address": {"socket_address": {"address": place.address, "port_value": place.port}},
        "filter_chains": [chain],
    }


def _manager(folder: str) -> Json:
    return {
        "@type": TYPE
        + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "aether",
        "codec_type": "AUTO",
        "use_remote_address": True,
        "max_request_headers_kb": _LARGEST_HEAD_KB,
        "common_http_protocol_options": {
            "idle_timeout": "75s",
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": _STREAMS,
            "initial_stream_window_size": _WINDOW_BYTES,
            "initial_connection_window_size": _CONNECTION_WINDOW_BYTES,
        },
        "request_headers_timeout": "10s",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "rds": {"route_config_name": "aether", "config_source": source(folder, ROUTES)},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": TYPE + "extensions.filters.http.router.v3.Router"},
            }
        ],
    }


def _tls(folder: str) -> Json:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": TYPE + "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificate_sds_secret_configs": [
                    {"name": CERTIFICATE, "sds_config": source(folder, SECRETS)}
                ],
            },
        },
    }
