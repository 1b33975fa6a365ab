"""Which endpoint takes the next request: round robin, past those that failed a moment ago.

An address that fails is set aside for `FIRST_EJECTION_S`, twice as long at each failure after
that, never longer than `LONGEST_EJECTION_S`. Failures while it is set aside do not count: one dead
instance under many connections fails many times at once and must still come back soon.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from aether.core.dataplane.table import Endpoint
from aether.core.model.ids import InstanceId, SliceBase

FIRST_EJECTION_S = 0.5
LONGEST_EJECTION_S = 8.0
_MOST_DOUBLINGS = 4


@dataclass(frozen=True, slots=True)
class Ejection:
    """An address that failed: how often in a row, and until when it is passed over."""

    failures: int
    until: float


class TurnBalancer:
    """Turns per slice and ejections per address; lives across tables. `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._turns: dict[SliceBase, int] = {}
        self._ejections: dict[str, Ejection] = {}

    def pick(
        self,
        base: SliceBase,
        endpoints: tuple[Endpoint, ...],
        tried: Collection[InstanceId],
        now: float,
    ) -> Endpoint | None:
        """Return the endpoint whose turn it is, or None when all were tried.

        Ejected ones are used all the same when nothing else is left.
        """
        candidates = endpoints
        if tried:
            candidates = tuple(each for each in endpoints if each.instance not in tried)
        if self._ejections:
            healthy = tuple(each for each in candidates if not self.is_ejected(each.address, now))
            candidates = healthy or candidates
        if not candidates:
            return None
        turn = self._turns.get(base, 0)
        self._turns[base] = turn + 1
        return candidates[turn % len(candidates)]

    def is_ejected(self, address: str, now: float) -> bool:
        """Whether the address is passed over at `now`."""
        ejection = self._ejections.get(address)
        return ejection is not None and now < ejection.until

    def failed(self, address: str, now: float) -> float | None:
        """Note a failure; return the seconds of a new ejection, None while one is running."""
        ejection = self._ejections.get(address)
        if ejection is not None and now < ejection.until:
            return None
        failures = 1 if ejection is None else ejection.failures + 1
        doublings = min(failures - 1, _MOST_DOUBLINGS)
        seconds = min(FIRST_EJECTION_S * (1 << doublings), LONGEST_EJECTION_S)
        self._ejections[address] = Ejection(failures, now + seconds)
        return seconds

    def succeeded(self, address: str) -> None:
        """Note an answer: the address is trusted again at once."""
        if self._ejections:
            self._ejections.pop(address, None)

    def retain(self, endpoints: Iterable[Endpoint]) -> None:
        """Forget slices and addresses that are in the table no longer."""
        present = list(endpoints)
        bases = {endpoint.slice for endpoint in present}
        addresses = {endpoint.address for endpoint in present}
        self._turns = {base: turn for base, turn in self._turns.items() if base in bases}
        self._ejections = {
            address: ejection
            for address, ejection in self._ejections.items()
            if address in addresses
        }
