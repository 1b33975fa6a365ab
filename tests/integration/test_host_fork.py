"""What a forked host keeps of the launcher: nothing that matters."""

import os

import msgspec

from tests.integration.host_rig import host_rig, http

LOOK = """
    import gc, os, signal, sys
    from aether import Slice, get

    class Look(Slice):
        @get("/look")
        async def look(self) -> dict:
            kinds = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                     if os.path.exists(f"/proc/self/fd/{fd}")]
            with open("/proc/self/status") as status:
                blocked = next(line.split()[1] for line in status if line.startswith("SigBlk"))
            return {
                "stdin": os.readlink("/proc/self/fd/0"),
                "stdout": os.readlink("/proc/self/fd/1"),
                "files": kinds,
                "group": os.getpgid(0) == os.getpid(),
                "blocked": int(blocked, 16),
                "pipe": signal.getsignal(signal.SIGHUP) == signal.SIG_DFL,
                "gc": gc.isenabled(),
                "path": sys.path[0],
                "argv": sys.argv,
            }
"""


async def test_a_host_begins_with_a_clean_table() -> None:
    async with host_rig() as rig:
        rig.write("looking", LOOK)
        manifest = rig.manifest("looking:Look")
        socket = await rig.serve(manifest)
        found = msgspec.json.decode((await http(socket, "GET", "/look")).body)
        assert found["stdin"] == os.devnull
        assert found["stdout"].endswith(f"{manifest.artifact}-0.log")
        assert not [name for name in found["files"] if "launcher" in name or "pidfd" in name]
        assert (found["group"], found["blocked"], found["pipe"], found["gc"]) == (
            True,
            0,
            True,
            True,
        )
        assert found["path"] == str(rig.sources)
        assert found["argv"] == ["aether-host"]


ONE = """
    import os, signal
    from aether import Slice, get

    class Writer(Slice):
        @get("/write")
        async def write(self) -> dict:
            ours, theirs = os.pipe()
            os.close(ours)
            try:
                os.write(theirs, b"nobody reads this")
            except BrokenPipeError:
                return {"survived": True, "ignored": signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN}
            finally:
                os.close(theirs)
            return {}
"""


async def test_a_peer_that_has_gone_does_not_end_the_host() -> None:
    async with host_rig() as rig:
        rig.write("writing", ONE)
        socket = await rig.serve(rig.manifest("writing:Writer"))
        found = msgspec.json.decode((await http(socket, "GET", "/write")).body)
        assert found == {"survived": True, "ignored": True}
