"""Commands become transactions that a stale leader or a stale view cannot land."""

from dataclasses import replace

from aether.core.control.lowering import (
    claim_epoch,
    lower,
    slice_of,
    waves,
    with_revisions,
    without_those_behind,
)
from aether.core.model import keys
from aether.core.model.ids import NodeId
from aether.core.model.lifecycle import Desired
from aether.core.model.plan import (
    Command,
    DropProvision,
    DropRoute,
    DropTarget,
    DropTraffic,
    Forget,
    Judge,
    Provision,
    SetTarget,
    Wish,
)
from aether.core.model.provision_records import ProvisionedRecord, ProvisionRecord
from aether.core.model.reason import Reason
from aether.core.model.records import EpochRecord, Verdict, VerdictRecord, decode, encode
from aether.core.store.commands import Delete, DeletePrefix, Guard, Put
from tests.worlds import (
    APP,
    SHOP,
    STOCK,
    nodes,
    placed,
    spec,
    target,
    wish,
    with_blueprint,
    with_instance,
)

WHERE = placed("n1", f"{SHOP}:1.0.0/0")
BECAUSE = Reason("", "rule", "text")
VIEW = replace(
    nodes("n1"),
    epoch=EpochRecord(leader=NodeId("n1"), epoch=3),
    revisions={keys.EPOCH: 7, keys.wanted(*WHERE): 5, keys.phase(*WHERE): 6},
)


def test_every_write_is_guarded_by_the_epoch_and_by_what_the_view_showed() -> None:
    txn = lower(Forget(*WHERE, BECAUSE), VIEW, 7)
    assert txn.then == (Delete(keys.wanted(*WHERE)), Delete(keys.phase(*WHERE)))
    assert txn.guards == (
        Guard(keys.EPOCH, 7),
        Guard(keys.wanted(*WHERE), 5),
        Guard(keys.phase(*WHERE), 6),
    )
    assert txn.reason.actor == "leader:n1"
    assert txn.reason.text == "text"


def test_a_key_the_view_did_not_show_must_be_absent() -> None:
    judged = VerdictRecord(verdict=Verdict.LOST, incarnation="life-1")
    txn = lower(Judge(NodeId("n1"), judged, BECAUSE), VIEW, 7)
    assert Guard(keys.verdict(NodeId("n1")), 0) in txn.guards


def test_whose_a_node_is_stands_in_the_store_with_the_request_for_it() -> None:
    node = NodeId("n2")
    asked = Put(keys.provision(node), encode(ProvisionRecord(node=node)))
    request = Provision(node, ProvisionRecord(node=node), BECAUSE)
    txn = lower(request, VIEW, 7)
    whose = ProvisionedRecord(node=node, because="text")
    assert txn.then == (asked, Put(keys.provisioned(node), encode(whose)))
    assert Guard(keys.provisioned(node), 0) in txn.guards
    known = replace(VIEW, revisions={**VIEW.revisions, keys.provisioned(node): 9})
    assert lower(request, known, 7).then == (asked,), "a second try changes nothing of it"
    gone = Delete(keys.provision(node))
    assert lower(DropProvision(node, BECAUSE), known, 7).then == (gone,)
    by_hand = DropProvision(node, BECAUSE, is_by_hand=True)
    assert lower(by_hand, known, 7).then == (gone, Delete(keys.provisioned(node)))
    assert lower(by_hand, VIEW, 7).then == (gone,)


def test_every_command_writes_its_own_family() -> None:
    commands: list[tuple[Command, str]] = [
        (Wish(*WHERE, wish(), BECAUSE), keys.wanted(*WHERE)),
        (SetTarget(SHOP, target(), BECAUSE), keys.target(SHOP)),
        (DropRoute("GET", "/a", BECAUSE), keys.route("GET", "/a")),
    ]
    for command, key in commands:
        (operation,) = lower(command, VIEW, 7).then
        assert isinstance(operation, Put | Delete)
        assert operation.key == key


def test_a_new_instance_needs_its_target_and_the_verdict_on_its_node_as_they_were_seen() -> None:
    seen = replace(VIEW, revisions={**VIEW.revisions, keys.target(SHOP): 3})
    guards = lower(Wish(*WHERE, wish(), BECAUSE), seen, 7).guards
    assert Guard(keys.target(SHOP), 3) in guards
    assert Guard(keys.verdict(NodeId("n1")), 0) in guards


def test_who_is_ended_without_draining_must_not_have_begun_to_serve_meanwhile() -> None:
    seen = with_instance(VIEW, "n1", WHERE[1], wish(), None)
    ended = lower(Wish(*WHERE, wish(Desired.UNLOAD), BECAUSE), seen, 7).guards
    assert Guard(keys.phase(*WHERE), 6) in ended
    again = lower(Wish(*WHERE, wish(Desired.LOAD), BECAUSE), seen, 7).guards
    assert Guard(keys.phase(*WHERE), 6) in again
    drained = lower(Wish(*WHERE, wish(Desired.DEACTIVATE), BECAUSE), seen, 7).guards
    assert keys.phase(*WHERE) not in [guard.key for guard in drained]


def test_what_a_drain_takes_away_needs_the_order_as_it_was_seen() -> None:
    seen = with_instance(VIEW, "n1", WHERE[1], wish(), None)
    seen = replace(seen, revisions={**seen.revisions, keys.verdict(WHERE[0]): 9})
    because = Reason("", "drain", "n1 drains")
    for desired in (Desired.DEACTIVATE, Desired.UNLOAD):
        guards = lower(Wish(*WHERE, wish(desired), because), seen, 7).guards
        assert Guard(keys.verdict(WHERE[0]), 9) in guards
        others = lower(Wish(*WHERE, wish(desired), BECAUSE), seen, 7).guards
        assert keys.verdict(WHERE[0]) not in [guard.key for guard in others]


def test_what_nobody_asks_for_must_not_be_asked_for_meanwhile() -> None:
    seen = with_instance(VIEW, "n1", WHERE[1], wish(), None)
    unasked = replace(seen, targets={SHOP: target()})
    asked = with_blueprint(unasked, spec(f"{SHOP}:1.0.0"), generation=4)
    ended = Wish(*WHERE, wish(Desired.DEACTIVATE), BECAUSE)
    dropped = DropTarget(SHOP, purge=True, because=BECAUSE)
    for command in (ended, dropped):
        assert Guard(keys.blueprint(APP), 0) in lower(command, unasked, 7).guards
        guarded_by = [guard.key for guard in lower(command, asked, 7).guards]
        assert keys.blueprint(APP) not in guarded_by, "a change of it changes the target"


def test_how_requests_are_divided_goes_with_the_slice_and_must_not_be_said_meanwhile() -> None:
    seen = replace(VIEW, targets={SHOP: target()}, revisions={keys.EPOCH: 7, keys.target(SHOP): 4})
    drop = DropTarget(SHOP, purge=False, because=BECAUSE)
    txn = lower(drop, seen, 7)
    assert txn.then == (Delete(keys.target(SHOP)),)
    assert Guard(keys.traffic(SHOP), 0) in txn.guards
    divided = replace(seen, revisions={**seen.revisions, keys.traffic(SHOP): 9})
    txn = lower(drop, divided, 7)
    assert txn.then == (Delete(keys.target(SHOP)), Delete(keys.traffic(SHOP)))
    assert [guard for guard in txn.guards if guard.key == keys.traffic(SHOP)] == [
        Guard(keys.traffic(SHOP), 9)
    ]
    alone = lower(DropTraffic(SHOP, BECAUSE), divided, 7)
    assert alone.then == (Delete(keys.traffic(SHOP)),)
    assert alone.guards == (Guard(keys.EPOCH, 7), Guard(keys.traffic(SHOP), 9))


def test_waves_make_room_before_they_place_and_drop_last() -> None:
    old = placed("n1", f"{SHOP}:1.0.0/1")
    view = with_instance(VIEW, *old, wish(), None)
    new = Wish(*WHERE, wish(), BECAUSE)
    ended = Wish(*old, wish(), BECAUSE)
    drop = DropTarget(SHOP, purge=False, because=BECAUSE)
    even = DropTraffic(SHOP, BECAUSE)
    judge = Judge(NodeId("n1"), view.verdicts[NodeId("n1")], BECAUSE)
    assert waves([new, drop, even, ended, judge], view) == [[judge], [ended], [new], [drop, even]]


def test_what_is_on_a_node_or_of_a_slice_that_is_behind_waits() -> None:
    here = Forget(*WHERE, BECAUSE)
    other = placed("n2", f"{STOCK}:1.0.0/0")
    instead = Wish(*placed("n2", f"{SHOP}:1.0.0/1"), wish(), BECAUSE)
    unconcerned = Wish(*other, wish(), BECAUSE)
    later: list[list[Command]] = [[here, unconcerned], [instead]]
    judge = Judge(NodeId("n1"), VIEW.verdicts[NodeId("n1")], BECAUSE)
    assert without_those_behind(later, [], VIEW) == later
    assert without_those_behind(later, [judge], VIEW) == [[unconcerned]]
    assert without_those_behind(later, [here], VIEW) == [[unconcerned]]
    assert without_those_behind(later, [unconcerned], VIEW) == [[here], [instead]]


def test_an_instance_placed_before_its_slice_got_a_new_target_waits_for_the_next_look() -> None:
    early = Wish(*WHERE, wish(), BECAUSE)
    late = Wish(*placed("n1", f"{SHOP}:1.0.0/1"), wish(), BECAUSE)
    change = SetTarget(SHOP, target(), BECAUSE)
    assert waves([early, change, late], VIEW) == [[change], [late]]


def test_a_node_is_called_empty_only_once_nothing_of_it_is_left_in_the_store() -> None:
    empty = VerdictRecord(verdict=Verdict.DECOMMISSIONED, incarnation="life-1")
    gone, judge = Forget(*WHERE, BECAUSE), Judge(NodeId("n1"), empty, BECAUSE)
    draining = replace(empty, verdict=Verdict.DRAINING)
    hosting = replace(
        with_instance(VIEW, "n1", f"{SHOP}:1.0.0/0", wish(), None),
        verdicts={NodeId("n1"): draining},
    )
    assert waves([gone, judge], hosting) == [[gone]]
    assert waves([judge], replace(hosting, wanted={}, phases={})) == [[judge]]
    called = replace(hosting, verdicts={NodeId("n1"): empty})
    assert waves([judge], called) == [[judge]], "what is said of it anew, it says at once"


def test_the_next_wave_is_guarded_by_what_the_last_one_left() -> None:
    txn = lower(SetTarget(SHOP, target(), BECAUSE), VIEW, 7)
    gone = lower(Forget(*WHERE, BECAUSE), VIEW, 7)
    after = with_revisions(VIEW, [(txn, 12), (gone, 13)])
    assert after.revisions == {keys.EPOCH: 7, keys.target(SHOP): 12}


def test_every_command_about_a_slice_names_it() -> None:
    assert slice_of(Wish(*WHERE, wish(), BECAUSE), VIEW) == SHOP
    assert slice_of(DropRoute("GET", "/a", BECAUSE), VIEW) is None
    assert slice_of(Judge(NodeId("n1"), VIEW.verdicts[NodeId("n1")], BECAUSE), VIEW) is None


def test_data_goes_with_a_target_only_when_asked() -> None:
    kept = lower(DropTarget(SHOP, purge=False, because=BECAUSE), VIEW, 7)
    purged = lower(DropTarget(SHOP, purge=True, because=BECAUSE), VIEW, 7)
    assert kept.then == (Delete(keys.target(SHOP)),)
    assert purged.then[1] == DeletePrefix(keys.app(SHOP))


def test_a_new_leader_counts_the_epoch_on_and_fences_the_last_one() -> None:
    txn = claim_epoch(VIEW, NodeId("n2"))
    (put,) = txn.then
    assert isinstance(put, Put)
    assert decode(put.value, EpochRecord) == EpochRecord(leader=NodeId("n2"), epoch=4)
    assert txn.guards == (Guard(keys.EPOCH, 7),)
