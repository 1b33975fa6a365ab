"""Names, ports and arguments of forge's nodes."""

from pathlib import Path

import pytest

from aether_forge.layout import (
    MAX_NODES,
    Layout,
    Ports,
    name_of,
    node_arguments,
    number_of,
    ports_of,
)


def test_ports_are_those_of_the_design() -> None:
    assert ports_of(1, 0) == Ports(router=8071, management=5151, cluster=6001, raft=6101, mesh=6201)
    assert ports_of(2, 1000).router == 9072


def test_no_two_nodes_share_a_port() -> None:
    ports = [port for n in range(1, MAX_NODES + 1) for _, port in ports_of(n, 0).named()]
    assert len(ports) == len(set(ports))


@pytest.mark.parametrize("name", ["", "node-", "node-0", "0", "node-51", "node-x", "node--1", "-1"])
def test_other_names_are_no_nodes(name: str) -> None:
    with pytest.raises(ValueError, match="is not a node of a forge"):
        number_of(name)


def test_a_node_is_named_by_name_or_number() -> None:
    assert number_of("node-3") == number_of("3") == 3
    assert number_of(name_of(7)) == 7


def test_arguments_say_everything_a_node_must_know() -> None:
    arguments = node_arguments(Layout(Path("/d"), 10), 2, (1, 3), 3)
    assert arguments == [
        *("--node-id", "node-2", "--data-dir", "/d/node-2", "--bind", "127.0.0.1"),
        *("--bootstrap-expect", "3"),
        *("--router-port", "8082", "--management-port", "5162", "--cluster-port", "6012"),
        *("--raft-port", "6112", "--mesh-port", "6212"),
        *("--join", "127.0.0.1:6011", "--join", "127.0.0.1:6013"),
    ]
