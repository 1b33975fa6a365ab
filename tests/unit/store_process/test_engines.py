import asyncio

from aether.core.model.ids import NodeId
from aether.core.store.codec import decode_result, encode_command
from aether.core.store.machine import KvMachine
from aether.ports import Member
from aether.store.native.results import Applied, Done, ReadDone, Refused, Result, Unknown
from aether.store.process.engines import AwaitedEngine, callbacks_of, wait_failed
from aether.tasks import Tasks
from aether_forge.sim.oracle import Oracle, OracleConsensus
from tests.integration.contracts.store import put
from tests.integration.store_rig import until


class Quick(OracleConsensus):
    """An engine that calls back by itself and fails when told to."""

    def submit(self, command: bytes, done: Done, timeout_s: float) -> None:
        done(Applied(command))

    def read(self, done: ReadDone, timeout_s: float) -> None:
        done(None)

    async def wait_failed(self) -> BaseException:
        return OSError("broken")


def member(oracle: Oracle) -> OracleConsensus:
    return oracle.member(Member(NodeId("n1"), "127.0.0.1:1"), KvMachine())


async def test_an_engine_that_calls_back_is_taken_as_it_is() -> None:
    oracle = Oracle()
    member(oracle)
    quick = Quick(oracle, NodeId("n1"))
    assert callbacks_of(quick, Tasks()) is quick
    assert isinstance(await wait_failed(quick), OSError)


async def test_an_engine_that_is_awaited_calls_back_with_what_became_of_it() -> None:
    oracle, tasks = Oracle(), Tasks()
    consensus = member(oracle)
    await consensus.start()
    engine = callbacks_of(consensus, tasks)
    assert isinstance(engine, AwaitedEngine)
    results: list[Result | None] = []
    command = encode_command(put("k"))
    engine.submit(command, results.append, 1.0)
    await until(lambda: len(results) == 1)
    engine.read(results.append, 1.0)
    await until(lambda: len(results) == 2)
    oracle.lose_answers(1)
    engine.submit(command, results.append, 1.0)
    await until(lambda: len(results) == 3)
    oracle.cut_off(NodeId("n1"))
    engine.submit(command, results.append, 1.0)
    engine.read(results.append, 0.01)
    await until(lambda: len(results) == 5)
    applied, let_through, unknown, *refused = results
    assert isinstance(applied, Applied)
    assert decode_result(applied.data).revision == 1
    assert let_through is None
    assert isinstance(unknown, Unknown)
    assert [type(result) for result in refused] == [Refused, Refused]
    await consensus.stop()
    await tasks.stop()


async def test_an_engine_that_tells_of_no_fault_is_waited_for_for_ever() -> None:
    waiting = asyncio.get_running_loop().create_task(wait_failed(member(Oracle())))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
