"""A member's status becomes series; the leader tells of the others too."""

from aether.telemetry.exposition.store import store_source
from tests.api_world import FakeGroup
from tests.exposition_world import told


class StoreAt:
    """A store at some revision."""

    revision = 77


async def test_a_leader_tells_of_itself_and_of_the_others() -> None:
    group = FakeGroup()
    group.silent_s[next(iter(group.silent_s))] = 3.0
    values = await told(store_source(group, StoreAt()))  # type: ignore[arg-type] # only its revision is asked
    assert values["aether_store_term"] == {(): 3}
    assert values["aether_store_revision"] == {(): 77}
    assert values["aether_store_log_entries"] == {(): 100}
    assert values["aether_store_voters"] == {(): 3}
    assert values["aether_store_is_leader"] == {(): True}
    assert values["aether_store_voters_answering"] == {(): 2}
    assert values["aether_store_quorum_margin"] == {(): 0}
    assert values["aether_store_member_lag_entries"]["node-3",] == 20
    assert values["aether_store_member_silence_seconds"]["node-2",] == 3.0
    assert values["aether_store_condition"]["ok",] == 1
    assert list(values["aether_store_condition"].values()).count(1) == 1


async def test_a_follower_tells_of_itself_alone() -> None:
    group = FakeGroup()
    group.leader = None
    values = await told(store_source(group, StoreAt()))  # type: ignore[arg-type] # as above
    assert values["aether_store_has_leader"] == {(): False}
    assert values["aether_store_is_leader"] == {(): False}
    assert "aether_store_quorum_margin" not in values
    assert "aether_store_member_lag_entries" not in values
