from pathlib import Path

from aether.telemetry.machine import MachineSampler


def test_a_machine_has_cores_memory_and_a_disk(tmp_path: Path) -> None:
    made = MachineSampler(tmp_path)
    sum(range(3_000_000))
    found = made.sample(1.0)
    assert found.cores >= 1
    assert 0.0 <= found.cpu <= 1.0
    assert 0 < found.memory_used < found.memory_total
    assert 0 < found.disk_used < found.disk_total
    assert (found.net_in, found.net_out) == (0.0, 0.0)  # a rate needs two readings


def test_a_disk_that_is_gone_does_not_end_the_measuring(tmp_path: Path) -> None:
    made = MachineSampler(tmp_path / "none")
    found = made.sample(1.0)
    assert (found.disk_used, found.disk_total) == (0, 0)
    assert made.sample(2.0).net_in >= 0.0
