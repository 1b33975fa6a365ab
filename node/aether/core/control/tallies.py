"""The instances of a slice by what they are doing, kept current while moves are being planned."""

from collections.abc import Collection, Iterable, Mapping

from aether.core.control.liveness import is_relied_on
from aether.core.control.moves import victim_of
from aether.core.control.removal import is_leaving
from aether.core.control.targets import derive_targets, listed_slices
from aether.core.control.updates import fits
from aether.core.model.ids import SliceBase
from aether.core.model.lifecycle import Desired, Phase
from aether.core.model.records import TargetRecord
from aether.core.model.view import ClusterView, Placed


class Tally:
    """One slice: who stays, who replaces whom, how many serve."""

    def __init__(
        self, view: ClusterView, base: SliceBase, target: TargetRecord, staying: Iterable[Placed]
    ) -> None:
        self.base = base
        self.target = target
        self.staying = set(staying)
        """Wanted and not on their way out, on whichever node."""
        self.tried = tuple(sorted({n for p in self.staying for n in view.wanted[p].tried}))
        """Nodes that gave up an instance of the slice, as those that stay remember."""
        self._view = view
        self._mover: dict[Placed, Placed] = {}
        for placed in sorted(self.staying):
            victim = victim_of(view, placed)
            if victim is not None and victim in self.staying:
                self._mover[victim] = placed
        self._relied_on = {placed for placed in self.staying if self._is_relied_on(placed)}
        self.failed = sum(1 for placed in self.staying if self._has_failed(placed))

    @property
    def moving(self) -> int:
        """Replacements of instances that are still there."""
        return len(self._mover)

    @property
    def active(self) -> int:
        """Instances that serve, on nodes nobody doubts.

        Of one that serves and its replacement one counts: that surplus lets the replaced one go, and
        no other.
        """
        relied_on = self._relied_on
        pairs = sum(1 for v, m in self._mover.items() if v in relied_on and m in relied_on)
        return len(relied_on) - pairs

    def serves(self, placed: Placed) -> bool:
        """Whether the instance is wanted to serve and does."""
        wish = self._view.wanted[placed]
        return wish.desired is Desired.ACTIVATE and self._view.is_active(placed)

    def is_being_replaced(self, placed: Placed) -> bool:
        """Whether another instance is to take its place."""
        return placed in self._mover

    def is_spare(self, placed: Placed) -> bool:
        """Whether it has come to replace an instance that is still there and serves."""
        victim = victim_of(self._view, placed)
        return victim is not None and victim in self.staying and self.serves(victim)

    def is_outdated(self, placed: Placed) -> bool:
        """Whether it is of another version, or has other settings, than the target asks for."""
        node = self._view.nodes.get(placed[0])
        return not fits(placed[1].version, self._view.wanted[placed], self.target, node)

    def begin_move(self, victim: Placed, mover: Placed) -> None:
        """Count a replacement that has just been placed."""
        self._mover[victim] = mover
        self.staying.add(mover)

    def begin_leave(self, placed: Placed) -> None:
        """Count out an instance that has just been told to go."""
        self._relied_on.discard(placed)
        self.failed -= self._has_failed(placed)
        self.staying.discard(placed)
        self._mover = {v: m for v, m in self._mover.items() if placed not in (v, m)}

    def _is_relied_on(self, placed: Placed) -> bool:
        return self.serves(placed) and is_relied_on(self._view, placed)

    def _has_failed(self, placed: Placed) -> bool:
        phase = self._view.phases.get(placed)
        return phase is not None and phase.state is Phase.FAILED and self._view.is_current(placed)


def tallies(view: ClusterView, slices: Collection[SliceBase]) -> Mapping[SliceBase, Tally]:
    """Return the tallies of those of `slices` that are wanted and whose target is not to change now.

    A slice that is being removed just goes; one whose blueprint has changed is looked at again when
    its new target, with its own budget and surge, is there.
    """
    changing, listed = {step.base for step in derive_targets(view)}, listed_slices(view)
    staying: dict[SliceBase, list[Placed]] = {
        base: [p for p in view.slices()[base].wanted if not is_leaving(view.wanted[p])]
        for base in sorted(slices)
        if base in view.targets and base in listed and base not in changing
    }
    return {base: Tally(view, base, view.targets[base], here) for base, here in staying.items()}
