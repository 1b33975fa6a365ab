"""The balance of one slice: its versions' shares, its instances, and who is fit at the moment.

What depends on the table or on the health of instances is computed when that changes (`refresh`)
and kept as tuples; a pick then takes a turn and looks at no instance but the one it takes. Only a
request with a history (instances it tried) or with a wish (a key, a version) looks at them all.
"""

from collections.abc import Collection, Sequence
from enum import Enum
from math import inf

import msgspec

from aether.core.dataplane.affinity import HashRing, weighted_choice
from aether.core.dataplane.draws import Draws
from aether.core.dataplane.ejection import most_ejected
from aether.core.dataplane.members import TIERS, Member, tier_of
from aether.core.dataplane.rings import Lane, Ring, Warmth, choose
from aether.core.dataplane.rows import Endpoint, SlicePolicy
from aether.core.dataplane.weights import give_back, next_share, parts_of
from aether.core.model.ids import InstanceId, SliceBase

NO_LIMIT = 1 << 62


class Refusal(Enum):
    """Why no endpoint is picked although there is one that was not tried."""

    BUSY = "busy"
    """Each is at its concurrency limit or its breaker is open: later, not elsewhere."""


class Choice(msgspec.Struct, frozen=True, gc=False):
    """What is asked of the balancer for one request; one without a wish can be kept and used again."""

    slice: SliceBase
    endpoints: tuple[Endpoint, ...]
    """Where the request may go, as the table said; what has left the table is passed over."""
    key: bytes = b""
    """Value of the slice's affinity: equal ones go to the same instance. Empty: none."""
    version: str = ""
    """Version a rule chose; the weights decide when it has no instance that takes the request."""
    sticky: bytes = b""
    """Equal ones get the same version by the weights, without a key too. Empty: the key does it."""


class SliceBalance:
    """State of one slice that lives across tables."""

    __slots__ = (
        "_by_instance",
        "_draws",
        "_forced",
        "_hash_rings",
        "_known_lanes",
        "_lanes",
        "_oldest",
        "_parts",
        "_reserve",
        "_warms_until",
        "_zone",
        "endpoints",
        "limit",
        "members",
        "only",
        "policy",
        "recheck_at",
    )

    def __init__(self, policy: SlicePolicy, draws: Draws) -> None:
        self.policy = policy
        self.endpoints: tuple[Endpoint, ...] = ()
        self.members: tuple[Member, ...] = ()
        self.only: Ring | None = None
        """The one ring there is, when each request simply takes its next turn."""
        self.limit = NO_LIMIT
        """Requests in flight that each instance takes."""
        self.recheck_at = inf
        """When something in here changes by itself: an ejection ends, a breaker half-opens."""
        self._draws = draws
        self._zone = ""
        self._by_instance: dict[InstanceId, Member] = {}
        self._parts: dict[str, float] = {}
        self._known_lanes: dict[str, Lane] = {}
        self._lanes: tuple[Lane, ...] = ()
        """Of the versions with a part: those that have fit members."""
        self._reserve: tuple[Member, ...] = ()
        """Members with a part that are ejected, for requests that find nobody else."""
        self._forced: dict[str, Lane] = {}
        """Fit members of the versions that rules name."""
        self._hash_rings: dict[str, HashRing] = {}
        self._oldest = self._warms_until = -inf

    # -- what the table says

    def configure(
        self, policy: SlicePolicy, zone: str, members: Sequence[Member], now: float
    ) -> None:
        """Go by a new policy and new members; those that stay are the same objects as before."""
        self.policy = policy
        self._zone = zone
        self.limit = policy.concurrency or NO_LIMIT
        self.members = tuple(members)
        self._by_instance = {member.instance: member for member in self.members}
        self.endpoints = tuple(member.endpoint for member in self.members)
        self._hash_rings = {}
        self._oldest = min((member.since for member in self.members), default=-inf)
        newest = max((member.since for member in self.members), default=-inf)
        self._warms_until = newest + policy.slow_start_s
        counts: dict[str, int] = {}
        for member in self.members:
            counts[member.version] = counts.get(member.version, 0) + 1
        self._parts = parts_of(policy.weights, counts)
        known = self._known_lanes
        self._known_lanes = {
            version: known.get(version) or Lane(version, self._draws.unit() - 0.5)
            for version in self._parts
        }
        self._forced = {rule.version: Lane(rule.version, 0.0) for rule in policy.rules}
        self._release_surplus(now)
        self.refresh(now)

    def _release_surplus(self, now: float) -> None:
        """Take back the first to return where fewer members are left than there were."""
        ejected = sorted(
            (each for each in self.members if each.record.is_ejected(now)),
            key=lambda each: (each.record.until, each.instance),
        )
        for member in ejected[: max(0, len(ejected) - most_ejected(len(self.members)))]:
            member.record.release(now)

    # -- who is fit

    def refresh(self, now: float) -> None:
        """Look at every member again: who is fit, who is set aside, and until when that holds."""
        allowed = [each for each in self.members if each.breaker.allows(now)]
        fit = [each for each in allowed if not each.record.is_ejected(now)]
        self._reserve = tuple(
            each for each in allowed if each.record.is_ejected(now) and self._has_part(each)
        )
        for version, lane in self._known_lanes.items():
            lane.part = self._parts[version]
            self._fill(lane, fit)
        for lane in self._forced.values():
            self._fill(lane, fit)
        self._lanes = tuple(lane for lane in self._known_lanes.values() if lane.rings)
        ends = [self._warms_until]
        for member in self.members:
            ends += (member.record.until, member.breaker.open_until)
        self.recheck_at = min((end for end in ends if end > now), default=inf)
        self.only = self._plain_ring(now)

    def _has_part(self, member: Member) -> bool:
        return "" in self._parts or member.version in self._parts

    def _fill(self, lane: Lane, fit: Sequence[Member]) -> None:
        tiers: list[list[Member]] = [[] for _ in range(TIERS)]
        for member in fit:
            if not lane.version or member.version == lane.version:
                tiers[tier_of(member.endpoint, self._zone)].append(member)
        lane.fill(tiers)

    def _plain_ring(self, now: float) -> Ring | None:
        lanes = self._lanes
        if len(lanes) != 1 or len(lanes[0].rings) != 1 or now < self._warms_until:
            return None
        return lanes[0].rings[0] if self.policy.balance == "round_robin" else None

    # -- who takes a request

    def has_endpoints(self, endpoints: tuple[Endpoint, ...]) -> bool:
        """Whether these are all there are; the very tuple is recognised at once from then on."""
        if endpoints != self.endpoints:
            return False
        self.endpoints = endpoints
        return True

    def take(self, now: float) -> Member | None:
        """Return who is next by weights, turns and distance; None when that one takes nothing."""
        lanes = self._lanes
        if not lanes:
            return None
        total = 1.0
        if len(lanes) == 1:
            lane = lanes[0]
        else:
            if len(lanes) < len(self._known_lanes):
                total = sum(each.part for each in lanes)
            lane = next_share(lanes, total)
        member = choose(lane.rings, self.policy.balance, self._draws, self._warmth(now))
        if member.in_flight < self.limit:
            return member
        if len(lanes) > 1:
            give_back(lane, lanes, total)
        return None

    def _warmth(self, now: float) -> Warmth | None:
        if now >= self._warms_until:
            return None
        return Warmth(self.policy.slow_start_s, self._oldest, now)

    def search(
        self, choice: Choice, tried: Collection[InstanceId], now: float, *, among_all: bool
    ) -> Endpoint | Refusal | None:
        """Return an endpoint for a request with a history or a wish; see Balancer.pick.

        `among_all` is false when only `choice.endpoints` are asked for.
        """
        open_to = [
            self._by_instance[each.instance]
            for each in (self.endpoints if among_all else choice.endpoints)
            if each.instance in self._by_instance and each.instance not in tried
        ]
        if not among_all and len(choice.endpoints) == 1:
            return self._take_named(open_to, now)
        has_room = {each.instance for each in open_to if each.in_flight < self.limit}
        member = self._take_fitting(choice, has_room, now)
        if member is not None:
            return member.endpoint
        open_to = [each for each in open_to if self._has_part(each)]
        if not open_to:
            return None
        if any(each.breaker.allows(now) and not each.record.is_ejected(now) for each in open_to):
            return Refusal.BUSY
        reserve = [each for each in self._reserve if each.instance in has_room]
        if not reserve:
            return Refusal.BUSY
        return choose([Ring(tuple(reserve))], "least_pending", self._draws, None).endpoint

    def _take_named(self, open_to: Sequence[Member], now: float) -> Endpoint | Refusal | None:
        """Return the one endpoint that is asked for, whatever its weight; another router chose it."""
        if not open_to:
            return None
        member = open_to[0]
        if member.in_flight >= self.limit or not member.breaker.allows(now):
            return Refusal.BUSY
        return member.endpoint

    def _take_fitting(
        self, choice: Choice, has_room: Collection[InstanceId], now: float
    ) -> Member | None:
        """Return a fit member that has room, by the rule's version, else by the weights."""
        forced = self._forced.get(choice.version) if choice.version else None
        if forced is not None:
            rings = _rings_with(forced, has_room)
            if rings:
                return self._take_from(forced, rings, choice, now)
        found = [(lane, _rings_with(lane, has_room)) for lane in self._lanes]
        open_lanes = [(lane, rings) for lane, rings in found if rings]
        if not open_lanes:
            return None
        lanes = [lane for lane, _ in open_lanes]
        key = choice.sticky or choice.key
        if len(lanes) == 1:
            lane = lanes[0]
        elif key:
            lane = weighted_choice([(each.version, each) for each in lanes], key)
        else:
            lane = next_share(lanes, sum(each.part for each in lanes))
        return self._take_from(lane, _rings_with(lane, has_room), choice, now)

    def _take_from(self, lane: Lane, rings: list[Ring], choice: Choice, now: float) -> Member:
        """Return a member of the lane, one of `rings`: the key's, or the next."""
        if choice.key:
            fit = {member.instance for ring in rings for member in ring.members}
            found = self._hash_ring(lane.version).find(choice.key, fit.__contains__)
            if found is not None:
                return self._by_instance[found]
        member = choose(rings, self.policy.balance, self._draws, self._warmth(now))
        for ring in lane.rings:
            if member in ring.members:
                ring.advance()
        return member

    def _hash_ring(self, version: str) -> HashRing:
        ring = self._hash_rings.get(version)
        if ring is None:
            ring = self._hash_rings[version] = HashRing(
                each.instance for each in self.members if not version or each.version == version
            )
        return ring


def _rings_with(lane: Lane, has_room: Collection[InstanceId]) -> list[Ring]:
    """Return the lane's rings with those members only, each beginning with whose turn is next."""
    rings = []
    for ring in lane.rings:
        members = ring.members[ring.turn :] + ring.members[: ring.turn]
        left = tuple(each for each in members if each.instance in has_room)
        if left:
            rings.append(Ring(left))
    return rings
