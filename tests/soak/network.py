"""Members on a switch of their own: each in a network namespace, faults as nft rules on the bridge.

Rules drop frames without a word, as a cut cable does; no side is told. Every rule counts what it dropped, so that a fault
that hit nothing is seen.
"""

import json
import re
from collections.abc import Iterable, Sequence

from tests.soak.enclosure import run

SUBNET = "10.77.0"
BRIDGE = "aebr0"
TABLE = "soak"

Pair = tuple[int, int]
"""Frames from the first member to the second; members count from 1."""


class Network:
    """A bridge in the harness's namespace and one namespace a member."""

    def __init__(self, members: int) -> None:
        self.members = range(1, members + 1)

    def up(self) -> None:
        """Make namespaces, cables and the bridge."""
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "link", "set", BRIDGE, "up")
        for member in self.members:
            name, port = namespace(member), f"v{member}"
            run("ip", "netns", "add", name)
            run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "link", "set", port, "master", BRIDGE, "up")
            run("ip", "-n", name, "addr", "add", f"{address(member)}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
        self.heal()

    def down(self) -> None:
        """Take everything away again, where the kernel will not do it."""
        for member in self.members:
            run("ip", "netns", "del", namespace(member))
        run("ip", "link", "del", BRIDGE)
        run("nft", "delete", "table", "bridge", TABLE)

    def cut(self, pairs: Iterable[Pair]) -> None:
        """Drop all frames of these directions, and nothing else."""
        self._load([f"{_match(pair)} counter drop" for pair in sorted(set(pairs))])

    def lose(self, percent: int) -> None:
        """Drop this share of all frames between members, at random."""
        self._load([f"numgen random mod 100 < {percent} counter drop"])

    def heal(self) -> None:
        """Let everything through."""
        self._load([])

    def dropped(self) -> int:
        """Return how many frames the present rules dropped."""
        listing = json.loads(run("nft", "-j", "list", "table", "bridge", TABLE))
        return sum(int(found) for found in re.findall(r'"packets": (\d+)', json.dumps(listing)))

    def _load(self, rules: Sequence[str]) -> None:
        lines = [
            f"table bridge {TABLE}",
            f"delete table bridge {TABLE}",
            f"table bridge {TABLE} {{",
        ]
        lines += ["chain cut {", "type filter hook forward priority 0", *rules, "}", "}"]
        run("nft", "\n".join(lines))


def namespace(member: int) -> str:
    """Return the name of a member's network namespace."""
    return f"aesoak{member}"


def address(member: int) -> str:
    """Return a member's address on the bridge."""
    return f"{SUBNET}.{member}"


def _match(pair: Pair) -> str:
    return f'iifname "v{pair[0]}" oifname "v{pair[1]}"'


def between(left: Iterable[int], right: Iterable[int]) -> set[Pair]:
    """Return both directions of every link between two groups."""
    ones, others = list(left), list(right)
    return {(a, b) for a in ones for b in others} | {(b, a) for a in ones for b in others}
