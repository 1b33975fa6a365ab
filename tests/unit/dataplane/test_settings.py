from pathlib import Path

import pytest

from aether.dataplane.settings import (
    FILE,
    Certificate,
    PeerFiles,
    RouterSettings,
    digest,
    read_settings,
    write_settings,
)

SETTINGS = RouterSettings(
    node="node-1",
    port=8070,
    mesh_port=8092,
    workers=2,
    certificates=(Certificate(cert="/c", key="/k", hosts=("a.example.org",)),),
    mesh=PeerFiles(ca="/ca", certificate="/c", key="/k"),
)


def test_what_a_node_writes_a_router_reads(tmp_path: Path) -> None:
    write_settings(tmp_path, SETTINGS)
    assert read_settings(tmp_path) == SETTINGS


@pytest.mark.parametrize("content", ["", "{}", '{"node": 7}', "[1]"])
def test_what_is_no_settings_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "router").mkdir()
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ValueError, match="holds no settings of a router"):
        read_settings(tmp_path)


def test_a_directory_no_node_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a node writes it when it starts"):
        read_settings(tmp_path)


def test_a_later_node_may_say_more(tmp_path: Path) -> None:
    (tmp_path / "router").mkdir()
    (tmp_path / FILE).write_text('{"node": "n", "port": 1, "mesh_port": 2, "new": true}')
    assert read_settings(tmp_path) == RouterSettings(node="n", port=1, mesh_port=2)


def test_the_digest_tells_settings_apart() -> None:
    other = RouterSettings(node="node-1", port=8070, mesh_port=8093)
    assert digest(SETTINGS) == digest(SETTINGS)
    assert digest(SETTINGS) != digest(other)
