from dataclasses import replace
from pathlib import Path

import pytest

from aether.artifacts.wheel import applicable, check_filename, read_wheel
from aether.core.model.records import Route
from aether.errors import ArtifactInvalid
from tests.wheels import FILENAME, INFO, MANIFEST, record_of, wheel, wheel_files, zipped


def test_the_manifest_is_read_from_bytes_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / FILENAME
    path.write_bytes(wheel())
    assert read_wheel(wheel()) == read_wheel(path) == MANIFEST


def test_requirements_come_from_the_metadata_and_what_the_manifest_claims_is_not_believed() -> None:
    claimed = replace(
        MANIFEST, requires=("evil",), routes=(Route(method="GET", pattern="/x"),), methods=("m",)
    )
    found = read_wheel(wheel(claimed, requires=["starlette>=1", "aether-cluster>=0.1"]))
    assert found == replace(MANIFEST, requires=("starlette>=1",))


def test_a_wheel_without_manifest_is_no_slice() -> None:
    with pytest.raises(ArtifactInvalid, match="aether slice build"):
        read_wheel(wheel(None))


def test_a_malformed_manifest_is_refused() -> None:
    files = wheel_files()
    files[f"{INFO}/aether.json"] = b'{"artifact": "nonsense"}'
    del files[f"{INFO}/RECORD"]
    files[f"{INFO}/RECORD"] = record_of(files)
    with pytest.raises(ArtifactInvalid, match="malformed"):
        read_wheel(zipped(files))


def test_versions_must_agree() -> None:
    with pytest.raises(ArtifactInvalid, match=r"version is '2\.0\.0'"):
        read_wheel(zipped(wheel_files(version="2.0.0")))
    with pytest.raises(ArtifactInvalid, match="version is ''"):
        read_wheel(zipped(wheel_files(version="")))


def test_only_requirements_that_apply_are_kept() -> None:
    found = applicable(
        (
            "B>=1",
            "a[x]; python_version >= '3'",
            "old; python_version < '3'",
            "optional; extra == 'more'",
            "Aether_Cluster==0.1",
        )
    )
    assert found == ("B>=1", "a[x]")


@pytest.mark.parametrize("text", ["--index-url evil", "", "a b c", "a\n--evil"])
def test_what_is_no_requirement_is_refused(text: str) -> None:
    with pytest.raises(ArtifactInvalid, match="malformed"):
        applicable((text,))


def test_file_names_say_which_platform_a_wheel_is_for() -> None:
    assert check_filename(FILENAME) == FILENAME
    with pytest.raises(ArtifactInvalid, match="not the name of a wheel"):
        check_filename("../sample.whl")
    with pytest.raises(ArtifactInvalid, match="another platform"):
        check_filename("sample-1.0.0-cp27-cp27m-win32.whl")
