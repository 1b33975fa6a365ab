"""`python -m aether.host --data-dir D`: the launcher process."""

import argparse
import fcntl
import gc
import os
import sys
from pathlib import Path

import setproctitle
import structlog

from aether.host.fork import preload
from aether.host.launcher import Launcher
from aether.host.paths import HostPaths
from aether.host.pidfile import write_pid
from aether.host.slice_logs import configure_launcher

ALREADY_RUNS = 3

log = structlog.get_logger()


def main() -> int:
    """Run the launcher of one data directory; return 3 when it has one already."""
    parser = argparse.ArgumentParser(prog="python -m aether.host", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    paths = HostPaths(parser.parse_args().data_dir.absolute())
    paths.prepare()
    configure_launcher()
    lock = paths.launcher_lock.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.warning("another launcher runs here", data_dir=str(paths.data_dir))
        return ALREADY_RUNS
    _lead_session()
    # `-m` puts the working directory first on the path: not a place to import from.
    sys.path[:] = [entry for entry in sys.path if entry not in ("", str(Path.cwd()))]
    setproctitle.setproctitle(f"aether: launcher {paths.data_dir}")
    gc.disable()  # a collection would unshare what the hosts share; they enable it again
    preload()
    write_pid(paths.launcher_pid, os.getpid())
    Launcher(paths).run()
    paths.launcher_pid.unlink(missing_ok=True)
    return 0


def _lead_session() -> None:
    """Lead a session of our own, so that a node's processes can be found by it."""
    if os.getsid(0) != os.getpid():
        try:
            os.setsid()
        except PermissionError:
            log.warning("cannot lead a session: started as the leader of a process group")


if __name__ == "__main__":
    sys.exit(main())
