"""The soak itself, for a round or two: it passes healthy members, and it sees broken ones."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.soak import broken, enclosure

TIMEOUT_S = 90.0


def can_enclose() -> bool:
    """Whether this machine lets us have namespaces, a bridge, nft rules and loop mounts."""
    if enclosure.missing():
        return False
    probe = (
        "ip link add b0 type bridge && nft add table bridge probe && mount -t tmpfs n /run/netns"
    )
    flags = ["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    done = subprocess.run(
        ["unshare", *flags, "sh", "-c", f"mkdir -p /run/netns && {probe}"],
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode == 0 and Path("/dev/loop-control").exists()


pytestmark = pytest.mark.skipif(not can_enclose(), reason="needs root, namespaces and loop mounts")


def soak(tmp_path: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "tests.soak.store", "--out", str(tmp_path), "--seed", "1"]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, report


def test_healthy_members_pass(tmp_path: Path) -> None:
    code, report = soak(tmp_path, "--rounds", "2", "--faults", "partition,power-all", "--keys", "0")
    assert report["violations"] == []
    assert code == 0
    assert report["acknowledged"] > 0
    partition, power = report["detail"]
    assert partition["dropped_frames"] > 0
    assert "cut the power of" in power["story"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not broken.can_build(), reason="needs a C compiler")
def test_members_whose_syncs_do_nothing_are_seen_to_lose_writes(tmp_path: Path) -> None:
    code, report = soak(
        tmp_path, "--rounds", "1", "--faults", "power-all", "--keys", "0", "--without-sync"
    )
    assert code == 1
    assert report["violations"]
    assert list(tmp_path.glob("round-1-*/history.txt"))


def test_nothing_is_left_behind() -> None:
    devices = enclosure.run("ip", "-br", "link")
    assert "aebr0" not in devices
    assert "aesoak" not in enclosure.run("ip", "netns", "list")
