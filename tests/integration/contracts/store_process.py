"""One store member as a process of its own, for tests that kill it.

Writes keys of its own and prints `ack KEY` for each that was acknowledged; told to `read`, it
prints `key KEY` for each that is there, then `done`.
"""

import asyncio
import json
import sys
from pathlib import Path

import structlog

from aether.core.model.ids import NodeId
from aether.core.store.machine import KvMachine
from aether.errors import OutcomeUnknown, Unavailable
from aether.ports import Member
from aether.store.client import KvStore
from aether.store.pysyncobj.engine import PySyncObjConsensus
from aether.store.pysyncobj.replica import Timing
from aether.store.spec import ConsensusSpec
from tests.integration.contracts.store import put


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    told = json.loads(sys.argv[1])
    members = [Member(NodeId(node), address) for node, address in told["members"]]
    own = next(member for member in members if member.node == told["node"])
    machine = KvMachine()
    spec = ConsensusSpec(
        node=own.node,
        cluster_id="killed",
        members=members,
        bind=("127.0.0.1", int(own.address.rpartition(":")[2])),
        data_dir=Path(told["directory"]) / own.node,
        machine=machine,
        incarnation=told["life"],
    )
    timing = Timing(compact_entries=60, compact_s=0.5, compact_in_turns=False)
    consensus = PySyncObjConsensus(spec, timing)
    await consensus.start()
    store = KvStore(consensus, machine)
    if told["read"]:
        found = await store.range("", timeout_s=30)
        for entry in found.entries:
            say(f"key {entry.key} {entry.version}")
        say("done")
        await asyncio.Event().wait()
    number = 0
    while True:
        number += 1
        key = f"{own.node}/{told['life']}/{number}"
        try:
            await store.txn(put(key), timeout_s=10)
        except (Unavailable, OutcomeUnknown):
            continue
        say(f"ack {key}")


asyncio.run(main())
