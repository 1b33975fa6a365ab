import pytest

from aether.core.model.ids import Artifact
from aether.core.model.versions import highest, is_prerelease, version_key

ASCENDING = [
    "0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
    "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.0+build.5", "1.0.0.post1", "1.2.0", "1.10.0",
    "10.0.0",
]  # fmt: skip


def test_versions_stand_in_semantic_order() -> None:
    assert sorted(ASCENDING[3:] + ASCENDING[:3], key=version_key) == ASCENDING
    assert version_key("1.0.0.dev1") < version_key("1.0.0")


@pytest.mark.parametrize(
    ("version", "early"),
    [
        ("1.0.0", False),
        ("1.0.0-rc.1", True),
        ("1.0.0.dev3", True),
        ("1.0.0.post1", False),
        ("1.0.0+x-y", False),
    ],
)
def test_what_comes_before_its_release(version: str, *, early: bool) -> None:
    assert is_prerelease(version) == early


def test_a_prerelease_is_taken_only_when_there_is_nothing_else() -> None:
    def of(*versions: str) -> list[Artifact]:
        return [Artifact(f"a:b:{version}") for version in versions]

    assert highest(of("2.0.0-rc.1", "1.9.0", "1.10.0")) == "a:b:1.10.0"
    assert highest(of("2.0.0-rc.1", "2.0.0-rc.2")) == "a:b:2.0.0-rc.2"
    assert highest([]) is None


def test_what_is_no_version_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'1\.0' is not a version"):
        version_key("1.0")
