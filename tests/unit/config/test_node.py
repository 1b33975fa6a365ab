from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from aether.config.node import (
    ControlConfig,
    NodeConfig,
    ProviderConfig,
    StoreConfig,
    is_address,
    load_config,
)
from aether.core.model.ids import NodeId
from aether.errors import ConfigInvalid


def _problems(flags: Mapping[str, object], environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigInvalid) as caught:
        load_config(flags, environ or {})
    return caught.value.problems


def test_a_name_is_all_it_takes() -> None:
    config = load_config({"node_id": "node-1"}, {"PATH": "/bin"})
    assert config == NodeConfig(node_id=NodeId("node-1"))
    assert config.origins["node_id"] == "--node-id"
    assert config.origins["control.period_s"] == "default"


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text(
        'node_id = "from-file"\nrouter_port = 1\nmesh_port = 1\njoin = ["a:1", "b:2"]\n'
        '[control]\nperiod_s = 3\n[labels]\nzone = "a"\n'
    )
    config = load_config(
        {"config": str(file), "router_port": 3, "join": None},
        {"AETHER_ROUTER_PORT": "2", "AETHER_MESH_PORT": "2", "AETHER_CONTROL__SETTLE_S": "9"},
    )
    assert (config.node_id, config.router_port, config.mesh_port) == ("from-file", 3, 2)
    assert config.join == ("a:1", "b:2")
    assert config.control == ControlConfig(period_s=3.0, settle_s=9.0)
    assert config.labels == {"zone": "a"}
    assert config.origins["node_id"] == f"{file}:1:1"
    assert config.origins["router_port"] == "--router-port"
    assert config.origins["mesh_port"] == "AETHER_MESH_PORT"
    assert config.origins["control.period_s"] == f"{file}:6:1"


def test_the_file_may_be_named_by_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text('node_id = "n"\n')
    assert load_config({}, {"AETHER_CONFIG": str(file)}).node_id == "n"


def test_all_problems_come_together(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text(
        'raft_prot = 1\nmesh_port = "x"\n[control]\n'
        'lost_after_s = 1.0\nperiod = 2\n[store]\nengine = "etcd"\n'
    )
    problems = _problems(
        {"config": str(file), "router_port": "8080", "join": ["nowhere"], "bind": "10.0.0.1"},
        {"AETHER_NODEID": "x", "AETHER_CAPACITY": "many", "AETHER_ENDPOINT": "http://x"},
    )
    text = "\n".join(problems)
    assert len(problems) == 11, text
    for expected in (
        f"{file}:1:1: raft_prot: unknown setting; did you mean 'raft_port'?",
        f"{file}:2:1: mesh_port: 'x' is not a whole number",
        f"{file}:5:1: control.period: unknown setting; did you mean 'control.period_s'?",
        "AETHER_NODEID: unknown variable; did you mean 'AETHER_NODE_ID'?",
        "AETHER_CAPACITY: capacity: 'many' is not a whole number",
        "node_id: is required",
        "bind: 10.0.0.1 is open to the network",
        "--router-port: router_port: 8080 is the management_port too",
        "--join: join: entry 0 is 'nowhere': expected host:port",
        f"{file}:4:1: control.lost_after_s: 1 s must be longer than suspect_after_s",
        f"{file}:7:1: store.engine: 'etcd' is not available in this version",
    ):
        assert expected in text


def test_a_file_that_is_not_there_or_not_toml_is_a_problem_among_others(tmp_path: Path) -> None:
    missing = _problems({"config": str(tmp_path / "no.toml"), "mesh_port": 0})
    assert any("cannot be read" in problem for problem in missing)
    assert any("mesh_port: 0 is not within" in problem for problem in missing)
    broken = tmp_path / "broken.toml"
    broken.write_text("node_id =")
    assert any(":1:10: not TOML" in problem for problem in _problems({"config": str(broken)}))
    broken.write_bytes(b"\xff")
    assert any("not UTF-8" in problem for problem in _problems({"config": str(broken)}))


def test_a_network_address_needs_consent_and_a_wildcard_is_no_address() -> None:
    flags = {"node_id": "n", "bind": "10.1.2.3"}
    assert "allow_insecure_bind" in _problems(flags)[0]
    assert load_config({**flags, "allow_insecure_bind": True}, {}).bind == "10.1.2.3"
    assert load_config(flags, {"AETHER_ALLOW_INSECURE_BIND": "true"}).bind == "10.1.2.3"
    assert "name one address" in _problems({**flags, "bind": "0.0.0.0"})[0]
    assert "not an IP address" in _problems({**flags, "bind": "my host"})[0]


def test_a_data_directory_too_long_for_sockets_is_refused() -> None:
    (problem,) = _problems({"node_id": "n", "data_dir": "/var/" + "x" * 80})
    assert "choose a shorter directory" in problem


@pytest.mark.parametrize("text", ["a:1", "10.0.0.1:65535", "[::1]:80", "node-1.local:8090"])
def test_addresses(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    ["", "a", ":1", "a:", "a:0", "a:65536", "::1:80", "[x]:1", "http://a:1", "a:\u0661", "a b:1"],
)
def test_what_is_not_an_address(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize("value", ["nan", "0", "-1", "1e9"])
def test_lengths_of_time_are_bounded(value: str) -> None:
    problems = _problems({"node_id": "n"}, {"AETHER_CONTROL__PERIOD_S": value})
    assert "control.period_s" in problems[0]


def test_a_worker_must_know_a_node_and_needs_an_engine_with_learners() -> None:
    worker = NodeConfig(node_id=NodeId("w"), role="worker", join=("h:1",))
    assert worker.is_worker
    assert dict(worker.problems()) == {}
    alone = dict(replace(worker, join=(), store=StoreConfig(engine="pysyncobj")).problems())
    assert "founds no cluster" in alone["join"]
    assert "choose native" in alone["role"]
    other = dict(NodeConfig(node_id=NodeId("w"), role="king").problems())
    assert "choose voter or worker" in other["role"]


def test_no_more_nodes_found_a_cluster_than_vote() -> None:
    assert dict(NodeConfig(node_id=NodeId("n"), bootstrap_expect=7).problems()) == {}
    problems = dict(NodeConfig(node_id=NodeId("n"), bootstrap_expect=8).problems())
    assert "further nodes join" in problems["bootstrap_expect"]


def test_a_provider_is_an_http_url_a_file_and_a_limit(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    good = ProviderConfig(url="https://machines.example:8443/nodes", token_file=str(token))
    assert list(good.problems()) == []
    bad = ProviderConfig(url="file:///etc/passwd", token_file="/absent", timeout_s=0.0)
    assert {name for name, _ in bad.problems()} == {"url", "token_file", "timeout_s"}
    for url in ("http://", "http://u:p@h/", "http://h/?q", "http://h:99999/", "http://h/a b", "x"):
        assert [name for name, _ in ProviderConfig(url=url).problems()] == ["url"], url
    config = load_config(
        {"node_id": "n-1"}, {"AETHER_PROVIDER__URL": "http://h/nodes", "AETHER_ROLE": "voter"}
    )
    assert config.provider.url == "http://h/nodes"
