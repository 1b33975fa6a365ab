"""What the sections of the router refuse, by the name of the value."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from aether.config.layers import variable
from aether.config.node import NodeConfig, load_config
from aether.config.router import CertificateConfig, RouterConfig, RouterExportConfig
from aether.errors import ConfigInvalid

EXPORT = RouterExportConfig(envoy="/var/edge", haproxy="/var/haproxy", address="::", port=80)


def problems(config: RouterConfig) -> dict[str, str]:
    return dict(config.problems())


def test_what_is_given_without_a_word_is_sound() -> None:
    assert problems(RouterConfig()) == {}
    assert problems(RouterConfig(export=EXPORT)) == {}
    assert not RouterExportConfig().is_wanted
    assert EXPORT.is_wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("envoy", "edge"),
        ("envoy", "/var/my edge"),
        ("haproxy", "/" + "x" * 80),
        ("haproxy", "/var/edge"),
        ("address", "localhost"),
        ("port", 0),
        ("port", 65_536),
    ],
)
def test_a_value_that_a_foreign_proxy_could_not_read_is_refused(name: str, value: object) -> None:
    broken = RouterConfig(export=replace(EXPORT, **{name: value}))  # type: ignore[arg-type] # wrong on purpose
    found = problems(broken)
    assert list(found) == [f"export.{name}"]
    assert str(value) in found[f"export.{name}"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trusted_proxies", ("10.0.0.0/99",)),
        ("trusted_proxies", ("10.0.0.0/8", "proxy.example.org")),
        ("trusted_proxies", ("10.0.0.1/8",)),
        ("address_connections", 0),
        ("access_log_sample", 1.1),
        ("access_log_sample", -0.1),
        ("access_log_slow_s", 0.0),
    ],
)
def test_bounds_on_clients_that_make_no_sense_are_refused(name: str, value: object) -> None:
    found = problems(replace(RouterConfig(), **{name: value}))  # type: ignore[arg-type] # wrong on purpose
    assert list(found) == [name]
    shown = value[-1] if isinstance(value, tuple) else f"{value:g}"
    assert str(shown) in found[name]


def test_trusted_proxies_are_networks_of_both_kinds() -> None:
    assert problems(RouterConfig(trusted_proxies=("10.0.0.0/8", "::1", "fe80::/10"))) == {}


class NodeFile:
    """A node's configuration file that says something of its router."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "node.toml"
        self.cert, self.key = folder / "shop.pem", folder / "shop.key"
        for file in (self.cert, self.key):
            file.write_text("PEM, which only the router reads")

    def load(self, *lines: str) -> RouterConfig:
        text = "\n".join(('node_id = "node-1"', *lines))
        self.path.write_text(text.replace("CERT", str(self.cert)).replace("KEY", str(self.key)))
        return load_config({"config": str(self.path)}, {}).router

    def problems(self, *lines: str) -> list[str]:
        with pytest.raises(ConfigInvalid) as caught:
            self.load(*lines)
        return [each.replace(str(self.path), "node.toml") for each in caught.value.problems]


@pytest.fixture
def node_file(tmp_path: Path) -> NodeFile:
    return NodeFile(tmp_path)


def test_a_file_says_all_there_is_to_say_of_a_router(node_file: NodeFile) -> None:
    config = node_file.load(
        "[router]",
        "workers = 2",
        'trusted_proxies = ["10.0.0.0/8"]',
        "[router.tls]",
        'min_version = "1.3"',
        "[[router.tls.certificates]]",
        'cert = "CERT"',
        'key = "KEY"',
        'hosts = ["Shop.example.org", "*.example.org"]',
        "[router.export]",
        'envoy = "/var/edge"',
        "port = 80",
    )
    assert (config.workers, config.trusted_proxies) == (2, ("10.0.0.0/8",))
    assert (config.tls.min_version, config.tls.handshakes) == ("1.3", 1024)
    assert config.tls.certificates == (
        CertificateConfig(
            cert=str(node_file.cert),
            key=str(node_file.key),
            hosts=("Shop.example.org", "*.example.org"),
        ),
    )
    assert config.export == RouterExportConfig(envoy="/var/edge", port=80)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["[router]", "workers = 0"], "3:1: router.workers: 0 is not within 1 and 32"),
        (["[router]", "workers = 33"], "3:1: router.workers: 33 is not within 1 and 32"),
        (["[router]", "workers = 1.5"], "3:1: router.workers: 1.5 is not a whole number"),
        (
            ["[router]", "worker = 2"],
            "3:1: router.worker: unknown setting; did you mean 'router.workers'?",
        ),
        (["[router]", "drain_s = -1"], "3:1: router.drain_s: -1 s is not within 0 and 60 s"),
        (["[router]", "drain_s = nan"], "3:1: router.drain_s: nan s is not within 0 and 60 s"),
        (
            ["[router]", "handover_s = inf"],
            "3:1: router.handover_s: inf s is not within 0 and 3600 s",
        ),
        (
            ["[router]", 'mesh_tls = "maybe"'],
            "3:1: router.mesh_tls: 'maybe' is not one of auto, on, off",
        ),
        (
            ["[router]", 'mesh_tls = "on"'],
            "3:1: router.mesh_tls: needs the node's certificate: set store.tls_ca and the others",
        ),
        (
            ["[router]", 'trusted_proxies = ["proxy"]'],
            "3:1: router.trusted_proxies: 'proxy' is not a network, as 10.0.0.0/8",
        ),
        (
            ["[router]", "address_connections = 0"],
            "3:1: router.address_connections: 0 is not within 1 and 1000000",
        ),
        (["[router]", "access_log = 2"], "3:1: router.access_log: 2 is neither true nor false"),
        (
            ["[router]", "access_log_sample = 2"],
            "3:1: router.access_log_sample: 2 is not within 0 and 1",
        ),
        (
            ["[router]", "access_log_slow_s = 0"],
            "3:1: router.access_log_slow_s: 0 s is not more than 0",
        ),
        (
            ["[router.tls]", 'min_version = "1.1"'],
            "3:1: router.tls.min_version: '1.1' is neither 1.2 nor 1.3",
        ),
        (
            ["[router.tls]", "handshake_s = 0"],
            "3:1: router.tls.handshake_s: 0 s is not more than 0 and at most 60 s",
        ),
        (
            ["[router.tls]", "handshakes = 0"],
            "3:1: router.tls.handshakes: 0 is not within 1 and 100000",
        ),
        (
            ["[router.tls]", 'certificates = "CERT"'],
            "is not a list of tables, which only a file can hold",
        ),
        (
            ["[router.tls]", 'certificates = [{ cert = "CERT" }]'],
            "3:1: router.tls.certificates: table 1: key is missing",
        ),
        (
            ["[router.tls]", 'certificates = [{ cert = "CERT", key = "KEY", host = "x" }]'],
            "3:1: router.tls.certificates: table 1: unknown host; did you mean 'hosts'?",
        ),
        (
            ["[router.tls]", 'certificates = [{ cert = "/no/shop.pem", key = "KEY" }]'],
            "3:1: router.tls.certificates: /no/shop.pem is not a file",
        ),
        (
            ["[router.tls]", 'certificates = [{ cert = "CERT", key = "KEY", hosts = ["a b"] }]'],
            "3:1: router.tls.certificates: host 'a b' is not a name such as shop.example.org or "
            "*.example.org, without a port",
        ),
        (
            ["[router.export]", 'envoy = "edge"'],
            "3:1: router.export.envoy: 'edge' is not an absolute path",
        ),
        (
            ["[router.export]", 'haproxy = "/e"', 'envoy = "/e"'],
            "3:1: router.export.haproxy: /e is the folder of Envoy; give each one of its own",
        ),
        (
            ["[router.export]", 'address = "localhost"'],
            "3:1: router.export.address: 'localhost' is not an IP address",
        ),
        (
            ["[router.export]", 'certificate = "shop.pem"'],
            "3:1: router.export.certificate: 'shop.pem' is not an absolute path",
        ),
        (
            ["[router.export]", 'certificate = "/no/shop.pem"'],
            "3:1: router.export.certificate: /no/shop.pem is not a file",
        ),
        (
            ["[router.export]", "port = 0"],
            "3:1: router.export.port: 0 is not within 1 and 65535",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    node_file: NodeFile, lines: list[str], expected: str
) -> None:
    (problem,) = node_file.problems(*lines)
    assert problem.startswith("node.toml:3:1: router.")
    assert expected in problem


def test_proxies_that_are_not_ours_exclude_tls_between_routers(node_file: NodeFile) -> None:
    store = [
        "[store]",
        'tls_ca = "CERT"',
        'tls_certificate = "CERT"',
        'tls_key = "KEY"',
        "[router]",
        'mesh_tls = "on"',
        "[router.export]",
    ]
    (problem,) = node_file.problems(*store, 'haproxy = "/var/haproxy"')
    assert problem.startswith("node.toml:9:1: router.export.haproxy: cannot be kept with TLS")
    assert 'say router.mesh_tls = "off" or remove the section' in problem


def _settings(config: Any, above: str = "") -> Iterator[tuple[str, object]]:
    """Yield every setting that text can hold, by its dotted name."""
    for item in fields(config):
        value = getattr(config, item.name)
        if is_dataclass(value):
            yield from _settings(value, f"{above}{item.name}.")
        elif isinstance(value, bool | int | float | str):
            yield f"{above}{item.name}", value


SETTINGS = dict(_settings(RouterConfig()))
OTHERS = {
    "workers": "2",
    "drain_s": "1.5",
    "handover_s": "1.5",
    "mesh_tls": "off",
    "address_connections": "7",
    "access_log": "true",
    "access_log_sample": "0.5",
    "access_log_slow_s": "0.5",
    "tls.min_version": "1.3",
    "tls.handshake_s": "1.5",
    "tls.handshakes": "7",
    "export.envoy": "/var/edge",
    "export.haproxy": "/var/haproxy",
    "export.address": "::1",
    "export.port": "80",
    "export.certificate": "/proc/self/status",
}
"""Another value for each: a setting that was forgotten when the configuration is read shows here."""


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_setting_that_is_given_arrives(name: str) -> None:
    config: NodeConfig = load_config(
        {"node_id": "node-1"}, {variable(f"router.{name}"): OTHERS[name]}
    )
    arrived = dict(_settings(config.router))
    assert str(arrived.pop(name)).lower() == OTHERS[name]
    assert arrived == {each: its for each, its in SETTINGS.items() if each != name}
