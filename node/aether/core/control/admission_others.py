"""What belongs to other blueprints: their slices, what those need, and whom a removal would hurt."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from aether.core.model.ids import SliceBase
from aether.core.model.records import SliceSpec
from aether.core.model.view import ClusterView

NOTED = 5
"""Most slices a summary says something of; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Others:
    """The slices of all blueprints but one."""

    owners: Mapping[SliceBase, SliceBase]
    """Slice → the blueprint that owns it."""
    specs: Mapping[SliceBase, SliceSpec]
    leaving: Mapping[SliceBase, SliceBase]
    """Slices no blueprint lists any more that are still being removed → their last owner."""

    def requirers(self) -> Mapping[SliceBase, tuple[SliceBase, ...]]:
        """Return the slices that require each slice, sorted."""
        found: dict[SliceBase, list[SliceBase]] = {}
        for base, spec in sorted(self.specs.items()):
            for need in dict.fromkeys(need.slice for need in spec.dependencies if need.required):
                found.setdefault(need, []).append(base)
        return {base: tuple(bases) for base, bases in found.items()}


def others_than(view: ClusterView, owner: SliceBase) -> Others:
    """Return what belongs to blueprints other than `owner`."""
    owners: dict[SliceBase, SliceBase] = {}
    specs: dict[SliceBase, SliceSpec] = {}
    listed: set[SliceBase] = set()
    for blueprint, record in sorted(view.blueprints.items()):
        for spec in record.slices:
            base = spec.artifact.base
            listed.add(base)
            if blueprint != owner:
                owners.setdefault(base, blueprint)
                specs.setdefault(base, spec)
    leaving = {
        base: target.owner
        for base, target in sorted(view.targets.items())
        if target.owner != owner and base not in listed
    }
    return Others(owners, specs, leaving)


@dataclass(frozen=True, slots=True)
class Loss:
    """A slice of another blueprint that loses what it requires when a slice goes."""

    path: tuple[SliceBase, ...]
    """From the slice that loses to the one that goes: each requires the next."""
    owner: SliceBase
    spec: SliceSpec

    @property
    def base(self) -> SliceBase:
        """The slice that loses."""
        return self.path[0]

    def refusal(self) -> str:
        """Say why the removal is refused."""
        chain = "" if len(self.path) == 2 else f" ({' requires '.join(self.path)})"
        return (
            f"{self.path[-1]} cannot go: {self.base} of blueprint {self.owner} requires it{chain}; "
            f"delete or change blueprint {self.owner} first"
        )


def losses(others: Others, gone: Iterable[SliceBase]) -> Iterator[Loss]:
    """Yield each slice of others that loses something when the slices `gone` go, nearest first.

    A loss goes on through slices that are parked by it (`cascade`); one that serves on (`degrade`)
    or refuses (`block`) ends it.
    """
    requirers = others.requirers()
    reached: set[SliceBase] = set()
    for removed in sorted(gone):
        frontier: list[tuple[SliceBase, ...]] = [(removed,)]
        for path in frontier:
            for base in requirers.get(path[0], ()):
                if base in reached:
                    continue
                reached.add(base)
                spec = others.specs[base]
                yield Loss((base, *path), others.owners[base], spec)
                if spec.on_dependency_loss == "cascade":
                    frontier.append((base, *path))


def consequences(found: list[Loss]) -> str:
    """Return what a removal does to slices of others, for its summary; empty when nothing."""
    sentences = [
        f"{loss.base} of blueprint {loss.owner} "
        f"{'is parked' if loss.spec.on_dependency_loss == 'cascade' else 'serves on without'}"
        for loss in found[:NOTED]
    ]
    if len(found) > NOTED:
        sentences.append(f"{len(found) - NOTED} more slices of others are concerned")
    return "".join(f"; {sentence}" for sentence in sentences)
