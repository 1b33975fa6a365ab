"""The programs a benchmark compares with: found, or installed where that is possible.

Debian's packages are installed by root with `apt-get`, unless systemd runs the machine: it would start them as
services. Wheels go to a virtual environment of their own below `BENCH_CACHE` (`~/.cache/aether-bench`), never to the
one Aether runs in. `BENCH_INSTALL=0` installs nothing.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

INSTALL_S = 600.0
PACKAGES = {"nginx": "nginx-light", "haproxy": "haproxy", "wrk": "wrk"}
"""Debian's package of each program that has another name, or is installed by us."""


def debian(program: str) -> str:
    """Return the program's path, after installing its package if need be; empty when there is none."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if found is None and _may_install_packages():
        command = ["apt-get", "install", "-y", "--no-install-recommends", PACKAGES[program]]
        _install(command, PACKAGES[program])
        found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    return found or ""


def wheel(program: str, environment: str, packages: Sequence[str]) -> str:
    """Return a program of a virtual environment made for benchmarks; empty when it cannot be had."""
    folder = cache() / environment / "bin"
    if not (folder / program).exists() and may_install():
        if not (folder / "python").exists():
            _install([sys.executable, "-m", "venv", str(folder.parent)], environment)
        _install(
            [str(folder / "python"), "-m", "pip", "install", "--quiet", *packages],
            " ".join(packages),
        )
    return str(folder / program) if (folder / program).exists() else ""


def nginx_user() -> str:
    """Return nginx's directive that keeps its workers able to reach sockets in our folders."""
    return "user root;" if os.geteuid() == 0 else ""


def cache() -> Path:
    """Return the folder that virtual environments of peers are kept in."""
    return Path(os.environ.get("BENCH_CACHE", "~/.cache/aether-bench")).expanduser()


def may_install() -> bool:
    """Whether installing is allowed."""
    return os.environ.get("BENCH_INSTALL", "1") != "0"


def _may_install_packages() -> bool:
    """Whether Debian's packages can be installed without starting services of theirs."""
    has_apt = shutil.which("apt-get") is not None
    return (
        may_install() and has_apt and os.geteuid() == 0 and not Path("/run/systemd/system").exists()
    )


def _install(command: Sequence[str], what: str) -> None:
    """Run an installer; what went wrong is said, and the peer is then missing."""
    sys.stderr.write(f"installing {what}\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=INSTALL_S, env=environment, check=False
    )
    if done.returncode:
        sys.stderr.write(f"could not install {what}: {done.stderr.strip()[-400:]}\n")
