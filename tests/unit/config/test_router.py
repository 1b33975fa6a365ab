"""What the sections of the router refuse, by the name of the value."""

from dataclasses import replace

import pytest

from aether.config.router import RouterConfig, RouterExportConfig

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
