"""A folder of Envoy's files says what the table says, whatever was in it before."""

import json
from pathlib import Path

import pytest

from aether.core.dataplane.envoy import CLUSTERS, ENDPOINTS
from aether.core.dataplane.envoy_listener import Place
from aether.core.dataplane.rows import RouteRow
from aether.core.dataplane.table import Table
from aether.core.model.ids import NodeId, SliceBase
from aether.dataplane.envoy_files import BOOTSTRAP, EnvoyEdge, EnvoyFiles


def table(*names: str) -> Table:
    routes = [
        RouteRow(method="GET", pattern=f"/{name}", slice=SliceBase(f"g:{name}")) for name in names
    ]
    return Table(revision=1, node=NodeId("n"), routes=tuple(routes))


def files(folder: Path) -> EnvoyFiles:
    return EnvoyFiles(Place(folder=str(folder), address="127.0.0.1", port=8070))


def clusters(folder: Path) -> list[str]:
    return [each["name"] for each in json.loads((folder / CLUSTERS).read_text())["resources"]]


def test_a_slice_that_goes_takes_its_file_along(tmp_path: Path) -> None:
    made = files(tmp_path)
    made.write(table("a", "b"))
    assert sorted(each.name for each in (tmp_path / ENDPOINTS).iterdir()) == [
        "g:a.json",
        "g:b.json",
    ]
    made.write(table("b"))
    assert [each.name for each in (tmp_path / ENDPOINTS).iterdir()] == ["g:b.json"]
    assert clusters(tmp_path) == ["g:b"]
    assert made.write(table("b")) == []


def test_a_node_that_starts_again_names_old_clusters_until_no_route_leads_there(
    tmp_path: Path,
) -> None:
    files(tmp_path).write(table("a", "b"))
    written = files(tmp_path).write(table("b"))
    assert written[-1] == CLUSTERS
    assert written.count(CLUSTERS) == 1  # the old one named both already
    assert clusters(tmp_path) == ["g:b"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"resources": [1]}', b"\xff"])
def test_files_that_cannot_be_read_are_written_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CLUSTERS).write_bytes(content)
    files(tmp_path).write(table("a"))
    assert clusters(tmp_path) == ["g:a"]
    assert (tmp_path / BOOTSTRAP).exists()


async def test_an_edge_whose_folder_cannot_be_written_is_behind(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    edge = EnvoyEdge(files(tmp_path / "file" / "folder"))
    assert not edge.is_behind
    with pytest.raises(OSError, match="file"):
        await edge.tell(table("a"))
    assert edge.is_behind
