"""A forge's directory: made, locked against a second forge, emptied only when it is one."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from aether_forge.failures import ForgeError
from aether_forge.layout import MAX_SOCKET_PATH_BYTES, Layout

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeState:
    """Content of `forge.json`: what the next `up` resumes."""

    port_offset: int
    expect: int
    """How many nodes founded the cluster."""
    nodes: tuple[int, ...]
    format: int = FORMAT


def load_state(layout: Layout) -> ForgeState | None:
    """Return what the directory holds, None when it is new."""
    try:
        state = msgspec.json.decode(layout.state_file.read_bytes(), type=ForgeState)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as problem:
        raise ForgeError(
            f"{layout.state_file} is damaged ({problem}); remove {layout.data_dir} to start anew"
        ) from problem
    if state.format != FORMAT:
        raise ForgeError(
            f"{layout.state_file} is of format {state.format}, this forge reads {FORMAT}; "
            "start anew with --fresh"
        )
    return state


def save_state(layout: Layout, state: ForgeState) -> None:
    """Keep what the next `up` resumes."""
    temporary = layout.state_file.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.encode(state) + b"\n")
    temporary.replace(layout.state_file)


def check_directory(layout: Layout) -> None:
    """Raise ForgeError unless the directory is new, empty or a forge's."""
    size = len(os.fsencode(layout.socket))
    if size > MAX_SOCKET_PATH_BYTES:
        raise ForgeError(
            f"{layout.data_dir} is too long: {layout.socket} has {size} bytes and the path of a "
            f"Unix socket may have {MAX_SOCKET_PATH_BYTES}; choose a shorter --data-dir"
        )
    if not layout.data_dir.exists():
        return
    if not layout.data_dir.is_dir():
        raise ForgeError(f"{layout.data_dir} is not a directory; choose another --data-dir")
    names = {path.name for path in layout.data_dir.iterdir()} - {layout.lock_file.name}
    if names and not layout.state_file.exists():
        raise ForgeError(
            f"{layout.data_dir} holds files that are not a forge's ({min(names)}); "
            "choose another --data-dir"
        )


@contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """Hold the directory; raise ForgeError when a forge holds it already."""
    check_directory(layout)
    layout.data_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(layout.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            raise ForgeError(
                f"a forge already runs on {layout.data_dir}; end it with Ctrl-C in its terminal, "
                "or choose another --data-dir (and --port-offset)"
            ) from problem
        yield
    finally:
        os.close(descriptor)


def empty(layout: Layout) -> None:
    """Remove everything but the lock; the caller holds it and has stopped what ran here."""
    check_directory(layout)
    for path in layout.data_dir.iterdir():
        if path == layout.lock_file:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def node_dirs(layout: Layout) -> list[Path]:
    """Return the data directories of all nodes there are, those of an earlier forge included."""
    return sorted(path for path in layout.data_dir.glob("node-*") if path.is_dir())
