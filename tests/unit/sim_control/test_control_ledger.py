"""The ledger holds the last record of each key."""

from dataclasses import replace

from aether.core.model import keys
from aether.core.model.ids import InstanceId, NodeId
from aether.core.model.lifecycle import Desired
from aether.core.model.records import EpochRecord, encode
from aether.core.store.commands import Change, Entry
from aether_forge.sim.control.ledger import Ledger, stays
from tests.worlds import SHOP, fact, node_record, wish

N1, I0 = NodeId("n1"), InstanceId(f"{SHOP}:1.0.0/0")


def change(key: str, record: object | None) -> Change:
    return Change(key, None if record is None else Entry(key, encode(record), 1, 1, 1))


def test_records_come_go_and_are_indexed_by_slice() -> None:
    ledger = Ledger()
    ledger.take(change(keys.node(N1), node_record("n1")))
    ledger.take(change(keys.wanted(N1, I0), wish()))
    ledger.take(change(keys.phase(N1, I0), fact()))
    ledger.take(change(keys.EPOCH, EpochRecord(leader=N1, epoch=4)))
    ledger.take(change("app/org.example:shop/x", node_record("n1")))
    assert ledger.view().is_active((N1, I0))
    assert list(ledger.wanted_of[SHOP]) == [(N1, I0)]
    assert ledger.epoch == EpochRecord(leader=N1, epoch=4)
    ledger.take(change(keys.wanted(N1, I0), None))
    ledger.take(change(keys.phase(N1, I0), None))
    assert not ledger.wanted
    assert not ledger.wanted_of[SHOP]
    assert not ledger.view().phases


def test_a_parked_instance_stays() -> None:
    leaving = wish(Desired.DEACTIVATE)
    assert not stays(leaving)
    assert stays(replace(leaving, parked=True))
    assert stays(wish())
