"""The balance of one slice: its versions' shares, its instances, and who is fit at the moment.

What depends on the table or on the health of instances is worked out when that changes (`refresh`)
and kept in tuples; a pick then takes a turn and looks at no instance but the one it takes. Only
a request that has tried instances, or finds the one whose turn it is at its limit, looks at all.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf

from aether.core.dataplane.affinity import HashRing, weighted_choice
from aether.core.dataplane.draws import Draws
from aether.core.dataplane.ejection import most_ejected
from aether.core.dataplane.members import TIERS, Member, tier_of
from aether.core.dataplane.rings import Lane, Ring, Warmth, candidate, choose
from aether.core.dataplane.rows import Endpoint, SlicePolicy
from aether.core.dataplane.weights import give_back, next_share, parts_of, sum_of_parts
from aether.core.model.ids import InstanceId, SliceBase

NO_LIMIT = 1 << 62

Fits = Callable[[Member], bool]


class Refusal(Enum):
    """Why no endpoint is picked although there is one that was not tried."""

    BUSY = "busy"
    """Each is at its concurrency limit or its breaker is open: later, not elsewhere."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked for one request; requests without a key, a version and `sticky` can share one."""

    slice: SliceBase
    endpoints: tuple[Endpoint, ...]
    """Where the request may go, as the table said; what has left the table is passed over."""
    key: bytes = b""
    """Value of the slice's affinity: equal ones go to the same instance. Empty: none."""
    version: str = ""
    """Version a rule chose; the weights decide when none of its instances takes the request."""
    sticky: bytes = b""
    """Equal ones get the same version by the weights. Empty: the key does it, if there is one."""


class SliceBalance:
    """State of one slice that lives across tables."""

    __slots__ = (
        "_all_lanes",
        "_draws",
        "_forced",
        "_hash_rings",
        "_known_lanes",
        "_lanes",
        "_oldest",
        "_total",
        "_warms_until",
        "_zone",
        "by_instance",
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
        self.by_instance: dict[InstanceId, Member] = {}
        self._all_lanes: dict[str, Lane] = {}
        """Of all versions that weights name, and "" for all versions alike."""
        self._known_lanes: dict[str, Lane] = {}
        """Of the versions that have a part of the requests."""
        self._lanes: tuple[Lane, ...] = ()
        """Those of them that have fit members."""
        self._forced: dict[str, Lane] = {}
        """Of the versions that rules name."""
        self._hash_rings: dict[str, HashRing[Member]] = {}
        self._oldest = self._warms_until = -inf
        self._total = 1.0
        """Sum of the parts of the lanes in use."""

    # -- what the table says

    def is_as_before(self, policy: SlicePolicy, zone: str, endpoints: tuple[Endpoint, ...]) -> bool:
        """Whether a table says about this slice what the last one said."""
        return policy == self.policy and zone == self._zone and endpoints == self.endpoints

    def configure(
        self, policy: SlicePolicy, zone: str, members: Sequence[Member], now: float
    ) -> None:
        """Go by a new policy and new members; those that stay are the same objects as before."""
        self.policy = policy
        self._zone = zone
        self.limit = policy.concurrency or NO_LIMIT
        self.members = tuple(members)
        self.by_instance = {member.instance: member for member in members}
        self.endpoints = tuple(member.endpoint for member in members)
        self._hash_rings = {}
        self._oldest = min((member.since for member in members), default=-inf)
        newest = max((member.since for member in members), default=-inf)
        self._warms_until = newest + policy.slow_start_s
        self._lay_lanes()
        self._release_surplus(now)
        self.refresh(now)

    def _lay_lanes(self) -> None:
        counts: dict[str, int] = {}
        for member in self.members:
            counts[member.version] = counts.get(member.version, 0) + 1
        parts = parts_of(self.policy.weights, counts)
        names = sorted({"", *parts, *(each.version for each in self.policy.weights)})
        # Routers begin at different points of the turns, so that not all of them meet a small
        # share at the same request. A version that goes and comes finds the credit it had.
        self._all_lanes = {
            name: self._all_lanes.get(name) or Lane(name, self._draws.unit() - 0.5)
            for name in names
        }
        for name, part in parts.items():
            self._all_lanes[name].part = part
        self._known_lanes = {name: self._all_lanes[name] for name in parts}
        self._forced = {rule.version: Lane(rule.version) for rule in self.policy.rules}

    def has(self, member: Member) -> bool:
        """Whether this very member is in the table."""
        return self.by_instance.get(member.instance) is member

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
        ends = [self._warms_until]
        for member in self.members:
            record, breaker = member.record, member.breaker
            member.is_fit = now >= record.until and breaker.allows(now)
            ends += (record.until, breaker.open_until)
        self.recheck_at = min((end for end in ends if end > now), default=inf)
        for lane in (*self._known_lanes.values(), *self._forced.values()):
            tiers: list[list[Member]] = [[] for _ in range(TIERS)]
            for member in self.members:
                if member.is_fit and lane.version in ("", member.version):
                    tiers[tier_of(member.endpoint, self._zone)].append(member)
            lane.fill(tiers)
        self._lanes = lanes = tuple(lane for lane in self._known_lanes.values() if lane.rings)
        self._total = 1.0 if len(lanes) == len(self._known_lanes) else sum_of_parts(lanes)
        self.only = self._plain_ring(now)

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
        total = self._total
        lane = lanes[0] if len(lanes) == 1 else next_share(lanes, total)
        rings = lane.rings
        if len(rings) == 1 and now >= self._warms_until:
            ring = rings[0]
            member = candidate(ring, self.policy.balance, self._draws)
            turn = ring.turn + 1  # Ring.advance, written out
            ring.turn = turn if turn < len(ring.members) else 0
        else:
            member = choose(rings, self.policy.balance, self._draws, self._warmth(now))
        if member.in_flight < self.limit:
            return member
        if len(lanes) > 1:
            give_back(lane, lanes, total)
        return None

    def take_by_key(self, choice: Choice) -> Member | None:
        """Return the instance a key belongs to, by the version it belongs to; None if none fits."""
        lanes = self._lanes
        if not lanes:
            return None
        lane = lanes[0] if len(lanes) == 1 else _lane_of(choice, lanes)
        limit = self.limit
        ring = self._hash_ring(lane.version)
        return ring.find(choice.key, lambda each: each.is_fit and each.in_flight < limit)

    def _warmth(self, now: float) -> Warmth | None:
        if now >= self._warms_until:
            return None
        return Warmth(self.policy.slow_start_s, self._oldest, now)

    def _hash_ring(self, version: str) -> HashRing[Member]:
        ring = self._hash_rings.get(version)
        if ring is None:
            ring = self._hash_rings[version] = HashRing(
                (each.instance, each) for each in self.members if version in ("", each.version)
            )
        return ring

    # -- who else, when that one does not

    def search(
        self, choice: Choice, tried: Collection[InstanceId], now: float, *, among_all: bool
    ) -> Endpoint | Refusal | None:
        """Return an endpoint as `Balancer.pick` does, looking at every instance.

        `among_all` is false where the request may go to `choice.endpoints` only.
        """
        if not among_all and len(choice.endpoints) == 1:
            return self._take_named(choice.endpoints[0], tried, now)
        asked = self.endpoints if among_all else choice.endpoints
        known = [self.by_instance.get(each.instance) for each in asked]
        untried = {each.instance: each for each in known if each and each.instance not in tried}
        limit = self.limit
        member = self._search_fit(
            choice,
            lambda each: each.is_fit and each.in_flight < limit and each.instance in untried,
            now,
        )
        if member is not None:
            return member.endpoint
        left = [each for each in untried.values() if self._has_part(each)]
        if not left:
            return None
        return self._take_ejected(left, now)

    def _take_named(
        self, endpoint: Endpoint, tried: Collection[InstanceId], now: float
    ) -> Endpoint | Refusal | None:
        """Return the one endpoint that is asked for: another router chose it, by whatever weights."""
        member = self.by_instance.get(endpoint.instance)
        if member is None or member.instance in tried:
            return None
        if member.in_flight >= self.limit or not member.breaker.allows(now):
            return Refusal.BUSY
        return member.endpoint

    def _take_ejected(self, left: Sequence[Member], now: float) -> Endpoint | Refusal:
        """Return an ejected endpoint, where nobody else could ever take the request."""
        if any(each.is_fit for each in left):
            return Refusal.BUSY
        open_to = [
            each for each in left if each.breaker.allows(now) and each.in_flight < self.limit
        ]
        if not open_to:
            return Refusal.BUSY
        ring = Ring(tuple(open_to), self._draws.below(len(open_to)))
        return choose([ring], "least_pending", self._draws, None).endpoint

    def _has_part(self, member: Member) -> bool:
        return "" in self._known_lanes or member.version in self._known_lanes

    def _search_fit(self, choice: Choice, fits: Fits, now: float) -> Member | None:
        """Return a member that fits, by the rule's version, else by the weights."""
        forced = self._forced.get(choice.version)
        if forced is not None and forced.has(fits):
            return self._take_from(forced, choice, fits, now)
        lanes = [lane for lane in self._lanes if lane.has(fits)]
        if not lanes:
            return None
        if len(lanes) == 1:
            lane = lanes[0]
        elif choice.sticky or choice.key:
            lane = _lane_of(choice, lanes)
        else:
            lane = next_share(lanes, sum_of_parts(lanes))
        return self._take_from(lane, choice, fits, now)

    def _take_from(self, lane: Lane, choice: Choice, fits: Fits, now: float) -> Member:
        """Return a member of the lane that fits (there is one): the key's, or the next."""
        if choice.key:
            found = self._hash_ring(lane.version).find(choice.key, fits)
            if found is not None:
                return found
        rings = [ring for ring in (each.only(fits) for each in lane.rings) if ring.members]
        member = choose(rings, self.policy.balance, self._draws, self._warmth(now))
        lane.advance_past(member)
        return member


def _lane_of(choice: Choice, lanes: Sequence[Lane]) -> Lane:
    """Return the version a client belongs to."""
    names = [lane.version for lane in lanes]
    return weighted_choice(names, lanes, choice.sticky or choice.key)
