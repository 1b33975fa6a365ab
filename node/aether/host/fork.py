"""From a copy of the launcher to a slice host: everything inherited is let go of first."""

import faulthandler
import gc
import importlib
import os
import signal
import sys
from pathlib import Path

import setproctitle

from aether.host.paths import HostPaths
from aether.ports import HostSpec

_RESET = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def fork_host(spec: HostSpec, paths: HostPaths, log: Path, *, probe: bool) -> int:
    """Start a host process and return its pid. In the child this never returns."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        _let_go(log, spec, probe=probe)
        from aether.host.life import run_host  # noqa: PLC0415 - loaded before the fork, by preload()

        status = run_host(spec, paths, probe=probe)
    except BaseException:  # noqa: BLE001 - the child must never unwind into the launcher's loop
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def preload() -> None:
    """Import what every host needs and freeze it, so that forks share it.

    Nothing here may start a thread, an event loop or open a socket: none would survive a fork.
    """
    for module in ("asyncio", "uvloop", "httptools", "msgspec", "aether.sdk", "aether.host.life"):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()


def _let_go(log: Path, spec: HostSpec, *, probe: bool) -> None:
    """Become a process of its own: group, signals, descriptors, name, import path."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in _RESET:
        signal.signal(number, signal.SIG_DFL)
    # As in any Python process: writing to a router that has hung up is an error, not the host's end.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.closerange(3, _highest_descriptor() + 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # the interpreter's own stream
    faulthandler.enable()
    setproctitle.setproctitle(f"aether: {'probe' if probe else 'host'} {spec.instance}")
    gc.enable()
    sys.argv = ["aether-host"]
    sys.path[:0] = spec.paths


def _highest_descriptor() -> int:
    return max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
