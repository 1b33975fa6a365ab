"""Dependency layers: the requirements of slices, installed once per set of requirements."""

import asyncio
import contextlib
import hashlib
import os
import signal
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import structlog
import uv
from packaging.requirements import Requirement

from aether.errors import Unavailable
from aether.whole_files import whole_directory

INSTALL_S = 110.0
"""Less than the 120 s a load may take."""
LAST_LINES = 12
SHARED = ("msgspec", "httptools", "uvloop", "structlog", "psutil", "setproctitle")
"""Imported by every host before any slice, so a layer cannot bring another version of them."""

log = structlog.get_logger()


class Layers:
    """The layers of this node, below `{data_dir}/layers/`."""

    def __init__(self, data_dir: Path) -> None:
        self._directory = data_dir.absolute() / "layers"
        self._turns: dict[str, asyncio.Lock] = {}

    async def layer(self, requires: Sequence[str]) -> Path | None:
        """Return the directory with `requires` installed, None when nothing is required.

        Raises Unavailable with the last lines of the installer when it fails: an index that does
        not answer and a requirement that does not exist cannot be told apart for sure.
        """
        if not requires:
            return None
        name = layer_name(requires)
        target = self._directory / name
        async with self._turns.setdefault(name, asyncio.Lock()):
            if not await asyncio.to_thread(target.is_dir):
                await self._make(requires, target)
        return target

    async def _make(self, requires: Sequence[str], target: Path) -> None:
        with whole_directory(target) as scratch:
            constraints = scratch.with_name(f"{scratch.name}.constraints")
            requirements = scratch.with_name(f"{scratch.name}.requirements")
            try:
                # Files rather than arguments: a requirement can never be taken for an option.
                constraints.write_text("\n".join(shared_versions()) + "\n")
                requirements.write_text("".join(f"{Requirement(item)}\n" for item in requires))
                await _install(scratch, requirements, constraints)
            finally:
                constraints.unlink(missing_ok=True)
                requirements.unlink(missing_ok=True)
        log.info("layer made", layer=target.name, requires=list(requires))


def layer_name(requires: Sequence[str]) -> str:
    """Return the name of the layer: the same for the same requirements on the same Python."""
    python = f"{sys.implementation.cache_tag}-{sys.platform}"
    text = "\n".join([python, *shared_versions(), *sorted(requires)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def shared_versions() -> list[str]:
    """Return the pinned versions of what hosts share with every slice."""
    return [f"{name}=={metadata.version(name)}" for name in SHARED]


async def _install(target: Path, requirements: Path, constraints: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        uv.find_uv_bin(),
        *("pip", "install", "--no-python-downloads", "--python", sys.executable),
        *("--compile-bytecode", "--target", str(target), "--no-progress", "--color", "never"),
        *("--requirements", str(requirements), "--constraints", str(constraints)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(INSTALL_S):
            _, raw = await process.communicate()
    except TimeoutError as late:
        raise Unavailable(f"installing dependencies took longer than {INSTALL_S} s") from late
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode != 0:
        lines = raw.decode("utf-8", "replace").strip().splitlines()[-LAST_LINES:]
        raise Unavailable("installing dependencies failed:\n" + "\n".join(lines))
