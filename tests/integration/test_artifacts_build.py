"""Building real projects with uv, the examples among them, and importing them in real hosts."""

import shutil
from pathlib import Path

import pytest

from aether.artifacts.build import build_wheel
from aether.artifacts.unpack import unpack_into
from aether.artifacts.wheel import check_filename, read_wheel
from aether.core.model.ids import SliceBase
from aether.core.model.records import Dependency
from aether.errors import ArtifactInvalid, ConfigInvalid
from tests.integration.host_rig import host_rig

EXAMPLES = Path(__file__).parents[2] / "examples"


def project(directory: Path, *, body: str = "", backend: str = "hatchling") -> Path:
    source = directory / "project"
    (source / "sample").mkdir(parents=True)
    (source / "sample/__init__.py").write_text(body)
    (source / "pyproject.toml").write_text(
        f"""
        [build-system]
        requires = ["{backend}"]
        build-backend = "hatchling.build"
        [project]
        name = "sample"
        version = "1.2.3"
        dependencies = ["aether-cluster"]
        [tool.aether.slice]
        id = "org.example:sample"
        entry = "sample:Sample"
        """
    )
    return source


def test_the_same_sources_make_the_same_bytes(tmp_path: Path) -> None:
    source = project(tmp_path)
    first = build_wheel(source, tmp_path / "one")
    second = build_wheel(source, tmp_path / "two")
    assert first.name == check_filename(first.name)
    assert first.read_bytes() == second.read_bytes()
    manifest = read_wheel(first)
    assert (manifest.artifact, manifest.requires) == ("org.example:sample:1.2.3", ())


def test_a_failing_build_shows_its_last_lines(tmp_path: Path) -> None:
    source = project(tmp_path)
    (source / "pyproject.toml").write_text(
        (source / "pyproject.toml").read_text().replace("hatchling.build", "no.such.backend")
    )
    with pytest.raises(ArtifactInvalid, match=r"no\.such|No module"):
        build_wheel(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_project_that_is_no_slice_is_not_built(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid):
        build_wheel(tmp_path, tmp_path / "out")


async def test_the_examples_build_and_import(tmp_path: Path) -> None:
    places = {
        "org.example:clicks:1.0.0": "url_shortener/clicks",
        "org.example:links:1.0.0": "url_shortener/links",
        "org.example:hello-asgi:1.0.0": "asgi_app",
    }
    async with host_rig() as rig:
        for artifact, place in places.items():
            source = tmp_path / place
            shutil.copytree(EXAMPLES / place, source)
            wheel = build_wheel(source, tmp_path / "out")
            manifest = read_wheel(wheel)
            assert manifest.artifact == artifact
            unpacked = tmp_path / "unpacked" / artifact.replace(":", "-")
            unpack_into(wheel.read_bytes(), unpacked)
            found = await rig.client.probe(manifest, [str(unpacked)])
            patterns = {(route.method, route.pattern) for route in found.routes}
            if artifact.startswith("org.example:links"):
                assert ("GET", "/{code}") in patterns
                assert ("POST", "/api/v1/urls") in patterns
                clicks = Dependency(slice=SliceBase("org.example:clicks"))
                assert [item.slice for item in found.dependencies] == [clicks.slice]
            elif artifact.startswith("org.example:clicks"):
                assert {"record", "total"} <= set(found.methods)
            else:
                assert patterns == {("*", "/hello"), ("*", "/hello/{*rest}")}
