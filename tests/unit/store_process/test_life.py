import json
import signal
import subprocess
import sys
from pathlib import Path

from aether.core.model.ids import NodeId
from aether.logs.orders import FILE, LogOrders, write_orders
from tests.integration.contracts.raft_cluster import new_members
from tests.integration.contracts.store_processes import StoreClients, StoreProcesses
from tests.integration.store_rig import until


def test_a_bad_specification_is_said_without_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "store.json"
    path.write_text(json.dumps({"node": "node-1"}))
    done = subprocess.run(
        [sys.executable, "-m", "aether.store", "--spec", str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "cluster_id" in done.stderr
    assert "Traceback" not in done.stderr


async def test_a_store_serves_until_it_is_told_to_stop() -> None:
    with StoreProcesses(new_members(1), engine="native") as cluster:
        (node,) = cluster.processes
        process = cluster.processes[NodeId(node)]
        run = cluster.data_dir(node) / "run"
        async with StoreClients(cluster) as clients:
            assert int((run / "store.pid").read_text().split()[0]) == process.pid
            assert (run / "store.sock").stat().st_mode & 0o777 == 0o600
            (store,) = clients.stores
            status = await store.status()
            assert (status.node, status.role, status.condition) == (node, "leader", "ok")
            process.send_signal(signal.SIGTERM)
            await until(lambda: process.poll() is not None)
        assert process.returncode == 0
        assert not (run / "store.pid").exists()
        assert "store stopped" in cluster.log(node)
        assert "Traceback" not in cluster.log(node)


async def test_a_store_logs_as_its_node_says() -> None:
    with StoreProcesses(new_members(1), engine="native") as cluster:
        (node,) = cluster.processes
        process = cluster.processes[NodeId(node)]
        loggers = {"aether.store.process.life": "error"}
        write_orders(cluster.data_dir(node) / "run" / FILE, LogOrders(loggers=loggers))
        await until(lambda: "log levels changed" in cluster.log(node))
        process.send_signal(signal.SIGTERM)
        await until(lambda: process.poll() is not None)
        assert process.returncode == 0
        assert "store stopped" not in cluster.log(node)
