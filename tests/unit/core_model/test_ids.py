"""How things are named."""

import copy
import pickle

import pytest

from aether.core.model.ids import Artifact, InstanceId, parse_node_id, parse_slice_base


def test_an_artifact_knows_its_parts() -> None:
    artifact = Artifact("org.example:links:1.2.3-rc1")
    assert artifact.base == "org.example:links"
    assert artifact.version == "1.2.3-rc1"
    assert Artifact.of(artifact.base, "2.0.0") == "org.example:links:2.0.0"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("links", "group:name:version"),
        ("a:b:c:d", "group:name:version"),
        ("Org:links:1.0.0", "group"),
        ("org.example:Links:1.0.0", "name"),
        ("org.example:links:1.0", "version"),
        ("org.example:links:1.0.0/../x", "version"),
        ("org.example:" + "a" * 129 + ":1.0.0", "name"),
    ],
)
def test_a_malformed_artifact_is_refused_by_its_wrong_part(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        Artifact(text)


def test_an_instance_knows_what_it_is_a_copy_of() -> None:
    instance = InstanceId("org.example:links:1.0.0/12")
    assert instance.artifact == "org.example:links:1.0.0"
    assert instance.base == "org.example:links"
    assert instance.version == "1.0.0"
    assert instance.ordinal == 12
    for wrong in ("org.example:links:1.0.0", "org.example:links:1.0.0/x", "links/1"):
        with pytest.raises(ValueError, match="not an"):
            InstanceId(wrong)


def test_node_ids_and_slices() -> None:
    assert parse_node_id("node-1") == "node-1"
    assert parse_slice_base("org.example:links") == "org.example:links"
    for wrong in ("", "Node", "-a", "a" * 64, "a/b"):
        with pytest.raises(ValueError, match="node id"):
            parse_node_id(wrong)
    for wrong in ("links", "org.example:links:1.0.0", "org:/x"):
        with pytest.raises(ValueError, match="slice"):
            parse_slice_base(wrong)


def test_the_parts_of_an_instance_are_those_of_its_artifact() -> None:
    instance = InstanceId("org.example:links:1.0.0-rc.1+x/12")
    assert instance.artifact == Artifact("org.example:links:1.0.0-rc.1+x")
    assert (instance.base, instance.version) == ("org.example:links", "1.0.0-rc.1+x")
    assert instance.ordinal == 12
    assert InstanceId.of(instance.artifact, 3).artifact is instance.artifact
    assert pickle.loads(pickle.dumps(instance)).base == instance.base  # noqa: S301 - our own bytes
    assert copy.deepcopy(instance).artifact == instance.artifact
