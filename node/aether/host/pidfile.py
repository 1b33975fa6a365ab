"""Pid files: `pid creation-time`, so that a pid used again by the kernel is not mistaken."""

from pathlib import Path

import psutil

TOLERANCE_S = 0.02


def write_pid(path: Path, pid: int, note: str = "") -> None:
    """Write the file for a living process; `note` is kept on a second line."""
    path.write_text(f"{pid} {psutil.Process(pid).create_time()}\n{note}\n")


def read_note(path: Path) -> str:
    """Return the note of a pid file, empty when there is none."""
    try:
        return path.read_text().partition("\n")[2].strip()
    except OSError:
        return ""


def read_pid(path: Path) -> int | None:
    """Return the pid when that very process still lives, None otherwise."""
    try:
        pid, created = path.read_text().split()[:2]
        process = psutil.Process(int(pid))
        same = abs(process.create_time() - float(created)) <= TOLERANCE_S
        return process.pid if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, psutil.Error):
        return None
