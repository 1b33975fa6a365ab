from aether.core.store.commands import MAX_EXPIRED, LeaseId
from aether.core.store.leases import LeaseRecord, Leases


def test_ids_are_given_out_once() -> None:
    leases = Leases()
    first = leases.grant(1000, 0)
    leases.end(first)
    assert leases.grant(1000, 0) == first + 1
    assert [record.lease for record in leases] == [2]


def test_renewed_leases_fall_due_later() -> None:
    leases = Leases()
    one, two = leases.grant(1000, 0), leases.grant(1500, 0)
    renewed = leases.get(one)
    assert renewed is not None
    leases.renew(renewed, 800)
    assert leases.due(999) == ()
    assert leases.due(1500) == (two,)
    assert leases.due(1500) == (two,)
    leases.end(two)
    assert leases.due(1799) == ()
    assert leases.due(1800) == (one,)


def test_a_renewal_never_shortens() -> None:
    leases = Leases()
    leases.put(LeaseRecord(LeaseId(4), 10, 5000))
    lease = leases.get(LeaseId(4))
    assert lease is not None
    leases.renew(lease, 100)
    assert lease.expires_ms == 5000


def test_what_falls_due_at_once_is_bounded() -> None:
    leases = Leases()
    for _ in range(MAX_EXPIRED + 10):
        leases.grant(1000, 0)
    assert len(leases.due(5000)) == MAX_EXPIRED


def test_the_heap_does_not_grow_with_leases_that_ended() -> None:
    leases = Leases()
    for _ in range(5000):
        leases.end(leases.grant(10**9, 0))
    assert len(leases._heap) < 100
    last = leases.grant(1000, 0)
    assert leases.due(1000) == (last,)
