"""What an outage costs: the time to the next acknowledged write, and to serve after a restart."""

import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence

from tests.bench.store import cost
from tests.bench.store.loads import started
from tests.bench.store.numbers import Number
from tests.bench.store.peers import MEMBERS, Peer

ATTEMPT_S = 0.25
"""A probe that is not answered by then is given up and made again."""
GIVE_UP_S = 20.0
CALM_S = 1.5
"""Between a member's return and the next kill."""
FILL_CLIENTS = 256
FILL_S = 5.0
RESTART_S = 120.0


def failover_numbers(peers: Sequence[Peer], kills: int) -> Iterator[Number]:
    """Kill the leader again and again; peers in turn, each alone on the machine."""
    for peer in peers:
        with started([peer]):
            gaps = [_failover(peer, number) for number in range(kills)]
        ordered = sorted(gaps)
        sys.stderr.write(f"{peer.name:7} failover {[round(gap, 2) for gap in ordered]}\n")
        yield Number(peer.name, "failover", "p50", 1000 * statistics.median(gaps), "ms")
        yield Number(peer.name, "failover", "p99", 1000 * cost.percentile(ordered, 0.99), "ms")


def _failover(peer: Peer, number: int) -> float:
    """Kill the leader; return the seconds until any survivor acknowledges a write."""
    leader = peer.leader()
    acknowledged = threading.Event()
    killed_at = time.monotonic()
    peer.kill(leader)
    survivors = [member for member in range(MEMBERS) if member != leader]
    threads = [
        threading.Thread(target=_probe, args=(peer, member, number, acknowledged), daemon=True)
        for member in survivors
    ]
    for thread in threads:
        thread.start()
    if not acknowledged.wait(GIVE_UP_S):
        raise TimeoutError(
            f"{peer.name}: no write acknowledged {GIVE_UP_S:g} s after kill {number}"
        )
    gap = time.monotonic() - killed_at
    for thread in threads:
        thread.join()
    peer.revive(leader)
    cost.wait_until(f"{peer.name} {leader} serves again", lambda: peer.serves(leader), GIVE_UP_S)
    cost.settle(CALM_S)
    return gap


def _probe(peer: Peer, member: int, number: int, acknowledged: threading.Event) -> None:
    """Write through one survivor until someone's write is acknowledged."""
    give_up_at = time.monotonic() + GIVE_UP_S
    attempt = 0
    while not acknowledged.is_set() and time.monotonic() < give_up_at:
        attempt += 1
        if peer.put(member, f"bench/failover/{number}/{member}/{attempt}", ATTEMPT_S):
            acknowledged.set()


def restart_numbers(peers: Sequence[Peer], entries: int) -> Iterator[Number]:
    """Fill a log that is never compacted, kill all members, start them all again."""
    for peer in peers:
        with started([peer], compaction=False):
            began = peer.revision()
            while peer.revision() - began < entries:
                peer.load("write", FILL_CLIENTS, FILL_S)
            held = peer.revision() - began
            full = max(cost.rss_mib(peer.pids()))
            for member in range(MEMBERS):
                peer.kill(member)
            restarted_at = time.monotonic()
            for member in range(MEMBERS):
                peer.revive(member)
            cost.wait_until(
                f"{peer.name} serves after a restart",
                lambda peer=peer: any(peer.serves(member) for member in range(MEMBERS)),  # type: ignore[misc]
                RESTART_S,
            )
            first_s = time.monotonic() - restarted_at
            cost.wait_until(
                f"all of {peer.name} serve after a restart",
                lambda peer=peer: all(peer.serves(member) for member in range(MEMBERS)),  # type: ignore[misc]
                RESTART_S,
            )
            all_s = time.monotonic() - restarted_at
            case = f"restart/{entries}"
            yield Number(peer.name, case, "entries", held, "")
            yield Number(peer.name, case, "first", first_s, "s")
            yield Number(peer.name, case, "all", all_s, "s")
            yield Number(peer.name, case, "rss_before", full, "MiB")
            yield Number(peer.name, case, "rss", max(cost.rss_mib(peer.pids())), "MiB")
