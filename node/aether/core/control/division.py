"""How the requests of a slice are divided among its versions: set by an operator, dropped when it is out of date.

A division names the versions there are. Once one of them is gone, or one came that has no weight, it is
no longer what the operator meant: it goes, and every instance gets the same again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from aether.core.control.admission import Admitted, Rejected
from aether.core.control.evidence import Evaluate, read, write
from aether.core.control.targets import is_retired
from aether.core.model import keys
from aether.core.model.ids import SliceBase
from aether.core.model.plan import DropTraffic
from aether.core.model.reason import Reason
from aether.core.model.records import TrafficRecord, encode
from aether.core.model.traffic import traffic_problems
from aether.core.model.view import ClusterView
from aether.core.model.wording import counted
from aether.core.store.commands import Delete, Guard, Put


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """What it depends on whether a division stays."""

    weighted: tuple[str, ...]
    """Versions with a weight."""
    named: tuple[str, ...]
    """Versions that a weight or a rule names."""
    present: tuple[str, ...]
    """Versions that are wanted or have instances; none once the slice is gone."""


def decide(asked: Division) -> str:
    """Return `keep`, or `drop` with what is out of date."""
    gone = [version for version in asked.named if version not in asked.present]
    if gone:
        return f"drop: {_versions(gone)} gone"
    come = [version for version in asked.present if version not in asked.weighted]
    if come and asked.weighted:
        return f"drop: {_versions(come)} without a weight"
    return "keep"


def _versions(versions: Iterable[str]) -> str:
    found = list(versions)
    return f"version{'s' if len(found) > 1 else ''} {', '.join(found)}"


def present_versions(view: ClusterView, base: SliceBase) -> tuple[str, ...]:
    """Return the versions of a slice that may serve side by side, sorted.

    Those with an instance, the one its target wants, and the one its blueprint lists.
    """
    target = view.targets.get(base)
    if target is None:
        return ()
    found = {instance.version for _, instance in view.wanted_by_slice().get(base, ())}
    found.add(target.version)
    owner = view.blueprints.get(target.owner)
    listed = owner.slices if owner is not None else ()
    found.update(spec.artifact.version for spec in listed if spec.artifact.base == base)
    return tuple(sorted(found))


def drop_traffic(view: ClusterView) -> Iterator[DropTraffic]:
    """Yield the divisions that are out of date."""
    for base, record in sorted(view.traffic.items()):
        asked = _division(record, present_versions(view, base))
        decision = decide(asked)
        if decision != "keep":
            text = f"requests of {base} are divided evenly again: {decision.removeprefix('drop: ')}"
            yield DropTraffic(base, Reason("", "traffic", text, write(asked, decision)))


def _division(record: TrafficRecord, present: tuple[str, ...]) -> Division:
    weighted = tuple(sorted(each.version for each in record.weights))
    ruled = {rule.version for rule in record.rules}
    return Division(weighted=weighted, named=tuple(sorted(ruled.union(weighted))), present=present)


def admit_traffic(view: ClusterView, base: SliceBase, record: TrafficRecord) -> Admitted | Rejected:
    """Admit dividing the requests of a slice: of versions there are, each with a weight or none of them."""
    if view.targets.get(base) is None or is_retired(view, base):
        return Rejected("not_found", (_no_slice(view, base),))
    problems = [
        *traffic_problems(record.weights, record.rules),
        *_version_problems(base, _division(record, present_versions(view, base))),
    ]
    if not record.weights and not record.rules:
        problems.append("neither weights nor rules: to divide evenly again, delete what there is")
    if problems:
        return Rejected("invalid", tuple(problems))
    if view.traffic.get(base) == record:
        return Admitted((), (), f"requests of {base} are divided so already; nothing changes")
    return Admitted(
        (Put(keys.traffic(base), encode(record)),),
        _guards(view, base),
        f"requests of {base} are divided: {division_text(record)}",
    )


def admit_no_traffic(view: ClusterView, base: SliceBase) -> Admitted | Rejected:
    """Admit dividing the requests of a slice evenly again; the slice may be gone by now."""
    if keys.traffic(base) not in view.revisions:
        if base not in view.targets:
            return Rejected("not_found", (_no_slice(view, base),))
        return Admitted((), (), f"requests of {base} are divided evenly already; nothing changes")
    return Admitted(
        (Delete(keys.traffic(base)),),
        _guards(view, base),
        f"requests of {base} are divided evenly again",
    )


def division_text(record: TrafficRecord) -> str:
    """Say how requests are divided, in a few words."""
    weights = ", ".join(f"{each.version} {each.weight}" for each in record.weights)
    rules = counted(len(record.rules), "rule") if record.rules else ""
    return f"{rules}{', then ' if rules and weights else ''}{weights or ', then evenly'}"


def _no_slice(view: ClusterView, base: SliceBase) -> str:
    known = ", ".join(sorted(view.targets)) or "there is none"
    return f"there is no slice {base}; known: {known}"


def _version_problems(base: SliceBase, asked: Division) -> Iterator[str]:
    there_are = ", ".join(asked.present)
    for version in asked.named:
        if version not in asked.present:
            yield f"version {version[:80]!r} of {base} does not run; versions there are: {there_are}"
    for version in asked.present:
        if asked.weighted and version not in asked.weighted:
            yield f"version {version} has no weight: give it 0 if it is to get no request"


def _guards(view: ClusterView, base: SliceBase) -> tuple[Guard, ...]:
    """Return guards on this leadership, on the division, and on what says which versions there are."""
    target = view.targets.get(base)
    owner = (keys.blueprint(target.owner),) if target is not None else ()
    touched = (keys.EPOCH, keys.traffic(base), keys.target(base), *owner)
    return tuple(Guard(key, view.revisions.get(key, 0)) for key in touched)


RULES: Mapping[str, Evaluate] = {"traffic": lambda inputs: decide(read(inputs, Division))}
