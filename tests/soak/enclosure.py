"""Namespaces of our own: whatever ends the harness, the kernel takes away all it made.

The harness runs as the first process of a pid namespace, with its own network and mount namespaces. When it dies, however
that happens, its members are killed, its network devices vanish and its images are unmounted.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

INSIDE = "AETHER_SOAK_INSIDE"
NEEDED = ("unshare", "nsenter", "ip", "nft", "mount", "mkfs.ext4", "cp", "strace")


def missing() -> str:
    """Return why the harness cannot run here, or nothing."""
    if os.geteuid() != 0:
        return "soak-store makes namespaces and mounts images: run it as root"
    absent = [name for name in NEEDED if shutil.which(name) is None]
    if absent:
        return f"soak-store needs {', '.join(absent)}: install iproute2 nftables strace util-linux e2fsprogs"
    return ""


def is_inside() -> bool:
    """Whether this process is the first of its own namespaces."""
    return os.environ.get(INSIDE) == "1" and os.getpid() == 1


def enter(module: str, arguments: list[str]) -> NoReturn:
    """Run `python -m module arguments` inside; this process becomes the one that waits for it."""
    flags = ["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    command = ["unshare", *flags, sys.executable, "-m", module, *arguments]
    os.execvpe("unshare", command, {**os.environ, INSIDE: "1"})  # noqa: S606 - arguments are lists built by us


def prepare() -> None:
    """Make mounts private, and have network namespaces named where nobody else sees them."""
    run("mount", "--make-rprivate", "/")
    Path("/run/netns").mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", "mode=0755", "none", "/run/netns")
    run("ip", "link", "set", "lo", "up")
    signal.signal(signal.SIGTERM, _end)  # the first process of a namespace has no default for it


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def run(*command: str, timeout_s: float = 60.0) -> str:
    """Run one command to its end and return what it printed; raises RuntimeError when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout
