"""Calls of the management API become series."""

from aether.telemetry.exposition.calls import calls_source
from tests.exposition_world import told


async def test_calls_by_answer_and_their_time_by_name() -> None:
    counts = {("kv.get", 404): (1, 0.25), ("kv.get", 200): (3, 0.5), ("unknown", 404): (2, 0.0)}
    values = await told(calls_source(lambda: counts))
    assert values["aether_api_calls"] == {
        ("kv.get", "200"): 3,
        ("kv.get", "404"): 1,
        ("unknown", "404"): 2,
    }
    assert values["aether_api_call_seconds"] == {("kv.get",): 0.75, ("unknown",): 0.0}
