"""Dependency layers made by the real uv from local wheels: no index is asked."""

import asyncio
import os
from pathlib import Path

import pytest

from aether.artifacts import layers as module
from aether.artifacts.layers import Layers, layer_name, shared_versions
from aether.errors import Unavailable
from tests.wheels import wheel


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of wheels that is all uv can see."""
    directory = tmp_path / "links"
    directory.mkdir()
    (directory / "sample-1.0.0-py3-none-any.whl").write_bytes(wheel(None))
    monkeypatch.setenv("UV_FIND_LINKS", str(directory))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    return directory


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


async def test_requirements_are_installed_once(
    tmp_path: Path, links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)  # compiled modules stand beside them
    layers = Layers(tmp_path)
    made = await asyncio.gather(*(layers.layer(("sample==1.0.0",)) for _ in range(3)))
    assert len(set(made)) == 1
    directory = made[0]
    assert directory is not None
    assert (directory / "sample/__init__.py").is_file()
    assert any((directory / "sample/__pycache__").iterdir())
    assert names(tmp_path / "layers") == {layer_name(("sample==1.0.0",))}
    (links / "sample-1.0.0-py3-none-any.whl").unlink()
    assert await Layers(tmp_path).layer(("sample==1.0.0",)) == directory


async def test_a_wheel_by_its_address_works(tmp_path: Path, links: Path) -> None:
    place = (links / "sample-1.0.0-py3-none-any.whl").as_uri()
    directory = await Layers(tmp_path).layer((f"sample @ {place}",))
    assert directory is not None
    assert (directory / "sample/__init__.py").is_file()


async def test_no_requirements_need_no_layer(tmp_path: Path) -> None:
    assert await Layers(tmp_path).layer(()) is None
    assert not (tmp_path / "layers").exists()


@pytest.mark.usefixtures("links")
async def test_a_failure_shows_the_last_lines_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no-such-thing"):
        await Layers(tmp_path).layer(("no-such-thing>=1",))
    assert names(tmp_path / "layers") == set()


@pytest.mark.usefixtures("links")
async def test_what_hosts_share_cannot_be_brought_in_another_version(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="msgspec"):
        await Layers(tmp_path).layer(("msgspec==0.1",))
    assert any(line.startswith("msgspec==") for line in shared_versions())


@pytest.mark.usefixtures("links")
async def test_an_installation_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "slow"
    slow.write_text('#!/bin/sh\necho $$ > "$0.pid"\nexec sleep 600\n')
    slow.chmod(0o755)
    monkeypatch.setattr("uv.find_uv_bin", lambda: str(slow))
    monkeypatch.setattr(module, "INSTALL_S", 0.5)
    with pytest.raises(Unavailable, match="longer than"):
        await Layers(tmp_path).layer(("sample",))
    assert names(tmp_path / "layers") == set()
    pid = int((tmp_path / "slow.pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_name_depends_on_the_set_of_requirements() -> None:
    assert layer_name(("a", "b")) == layer_name(("b", "a"))
    assert layer_name(("a",)) != layer_name(("b",))
