"""Flags of `aether-node` and what becomes of bad ones."""

import pytest
from click.testing import CliRunner

from aether.node.command import node_command, run


def test_every_flag_of_the_contract_is_there() -> None:
    shown = CliRunner().invoke(node_command, ["--help"]).output
    for flag in [
        "--config",
        "--node-id",
        "--data-dir",
        "--bind",
        "--management-port",
        "--router-port",
        "--cluster-port",
        "--raft-port",
        "--mesh-port",
        "--join",
        "--bootstrap-expect",
    ]:
        assert flag in shown


def test_the_version_is_that_of_the_distribution() -> None:
    assert CliRunner().invoke(node_command, ["--version"]).output.startswith("aether-node")


def test_problems_are_printed_one_a_line_and_the_exit_code_is_two(
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = {"node_id": "n1", "bind": "10.0.0.1", "router_port": "x", "bootstrap_expect": "0"}
    assert run(flags, {}) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("aether-node: ") for line in lines)
    assert any("allow_insecure_bind" in line for line in lines)
