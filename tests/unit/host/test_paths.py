from pathlib import Path

from aether.core.model.ids import InstanceId
from aether.host.paths import HostPaths


def test_instances_never_share_a_path() -> None:
    paths = HostPaths(Path("/data"))
    names = ["a.b:c:1.0.0/0", "a.b:c:1.0.0/1", "a.b:c:1.0.0-0/1", "a.b:c:1.0.0-0/0"]
    instances = [InstanceId(name) for name in names]
    for make in (paths.host_socket, paths.host_pid, paths.host_log):
        found = {make(instance) for instance in instances}
        assert len(found) == len(instances)
        assert {path.parent for path in found} <= {paths.run, paths.logs}


def test_sockets_have_short_names() -> None:
    instance = InstanceId(f"{'g' * 100}:{'n' * 100}:1.0.0/0")
    assert len(HostPaths(Path("/d")).host_socket(instance).name) < 30


def test_directories_are_for_their_owner_only(tmp_path: Path) -> None:
    paths = HostPaths(tmp_path / "d")
    paths.prepare()
    paths.prepare()
    assert paths.run.stat().st_mode & 0o777 == 0o700
    assert paths.logs.is_dir()
