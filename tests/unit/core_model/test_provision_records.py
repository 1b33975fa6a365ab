"""Records about nodes asked of the provider are read as they were written, and so are yesterday's."""

from aether.core.model.ids import NodeId
from aether.core.model.provision_records import ProvisionedRecord, ProvisionRecord
from aether.core.model.records import decode, encode

N4 = NodeId("node-4")


def test_what_was_written_is_read() -> None:
    asked = ProvisionRecord(node=N4, attempt=2, problem="no machine is free")
    assert decode(encode(asked), ProvisionRecord) == asked
    whose = ProvisionedRecord(node=N4, because="2 of 3 nodes are there: ask for node-4")
    assert decode(encode(whose), ProvisionedRecord) == whose


def test_fields_that_are_not_there_have_defaults() -> None:
    bare = b'{"node": "node-4"}'
    assert decode(bare, ProvisionRecord) == ProvisionRecord(node=N4)
    assert decode(bare, ProvisionedRecord) == ProvisionedRecord(node=N4)
