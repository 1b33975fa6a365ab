"""What a blueprint must run beside what its author listed: the slices those require.

A slice is added when one of the blueprint requires it, directly or through another that was added,
and no other blueprint runs it. It gets one instance, and the highest version pushed; one that the
blueprint runs already keeps its version, so that applying the same text again changes nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from aether.core.control.admission_others import Others
from aether.core.model.ids import Artifact, SliceBase
from aether.core.model.records import SliceSpec
from aether.core.model.versions import highest
from aether.core.model.view import ClusterView


@dataclass(frozen=True, slots=True)
class Expanded:
    """The slices to run, those listed first, and what could not be found."""

    specs: tuple[SliceSpec, ...]
    problems: tuple[str, ...]


def expand(
    view: ClusterView,
    others: Others,
    listed: Sequence[SliceSpec],
    pinned: Mapping[SliceBase, Artifact],
    unknown: Collection[SliceBase] = (),
) -> Expanded:
    """Return the listed slices and all they require, with the dependencies of each filled in.

    `pinned` names the artifact to take for a slice that must be added. Every artifact listed is known;
    `unknown` are slices that are listed too, in versions nobody pushed: they need not be added.
    """
    pushed: dict[SliceBase, list[Artifact]] = {}
    for artifact in view.artifacts:
        pushed.setdefault(artifact.base, []).append(artifact)
    specs = {spec.artifact.base: _with_needs(view, spec) for spec in listed}
    elsewhere = {*others.owners, *unknown}
    waiting, problems = list(specs.values()), []
    for spec in waiting:
        for need in spec.dependencies:
            if not need.required or need.slice in specs or need.slice in elsewhere:
                continue
            added = pinned.get(need.slice) or highest(pushed.get(need.slice, ()))
            if added is None:
                problems.append(_not_found(spec, need.slice))
            elif added not in view.artifacts:
                problems.append(f"artifact {added}, added for {spec.artifact}, is gone")
            else:
                specs[need.slice] = _with_needs(view, SliceSpec(artifact=added))
                waiting.append(specs[need.slice])
    required_by = _required_by(waiting)
    bases = {spec.artifact.base for spec in listed}
    return Expanded(
        tuple(
            spec if base in bases else replace(spec, added_for=required_by[base])
            for base, spec in specs.items()
        ),
        tuple(dict.fromkeys(problems)),
    )


def _with_needs(view: ClusterView, spec: SliceSpec) -> SliceSpec:
    return replace(spec, dependencies=view.artifacts[spec.artifact].manifest.dependencies)


def _required_by(specs: Sequence[SliceSpec]) -> Mapping[SliceBase, tuple[SliceBase, ...]]:
    found: dict[SliceBase, list[SliceBase]] = {}
    for spec in specs:
        for need in dict.fromkeys(need.slice for need in spec.dependencies if need.required):
            found.setdefault(need, []).append(spec.artifact.base)
    return {base: tuple(bases) for base, bases in found.items()}


def _not_found(spec: SliceSpec, need: SliceBase) -> str:
    return (
        f"{spec.artifact} requires {need}, which is neither in this blueprint nor in another, and "
        f"no version of it is pushed. Push it: aether artifact push WHEEL"
    )


def added_text(specs: Sequence[SliceSpec]) -> str:
    """Return what was added and for whom, for a summary; empty when nothing was."""
    added = [spec for spec in specs if spec.added_for]
    shown = [f"{spec.artifact} for {', '.join(spec.added_for[:3])}" for spec in added[:5]]
    if len(added) > len(shown):
        shown.append(f"{len(added) - len(shown)} more")
    return f"; added: {'; '.join(shown)}" if added else ""
