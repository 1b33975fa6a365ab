"""A trace as a tree: who asked for what, when, and who was waited for.

A span hangs below the one it names as its parent. A request that came with a parent of the client's
own names one nobody here knows: it is a root, and what else names that very parent hangs below it,
for routers pass the headers of a trace that is not sampled on as they came. A span whose parent is
not there is a root too, and counts as lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aether.core.tracing.span import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One span in its place, in the order in which a tree is read."""

    span: Span
    depth: int
    offset_s: float
    """When it began, counted from the begin of its root; clocks of nodes are set right for it."""
    own_s: float
    """How long it waited for no span below it."""
    waited_s: float
    """How long the answer of the root waited for this span itself; the sum over a root's tree is its time."""
    is_lost: bool = False
    """Whether it names a parent that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A whole trace."""

    leaves: tuple[Leaf, ...]
    roots: int
    lost: int
    """Spans whose parent is not there."""

    @property
    def is_linked(self) -> bool:
        """Whether there is one root and every other span hangs below a span that is there."""
        return self.roots == 1 and self.lost == 0


def tree_of(spans: Iterable[Span]) -> Tree:
    """Return the tree of one trace's spans; of two with one id the first counts."""
    by_id: dict[str, Span] = {}
    for span in spans:
        by_id.setdefault(span.id, span)
    ordered = sorted(by_id.values(), key=_order)
    parents = _parents(ordered, by_id)
    below: dict[str, list[Span]] = {}
    for span in ordered:
        if span.id in parents:
            below.setdefault(parents[span.id], []).append(span)
    roots = [span for span in ordered if span.id not in parents]
    leaves: list[Leaf] = []
    for root in roots:
        leaves.extend(_walk(root, below))
    return Tree(leaves=tuple(leaves), roots=len(roots), lost=sum(leaf.is_lost for leaf in leaves))


def _order(span: Span) -> tuple[bool, float, str]:
    return not span.is_entry, span.began, span.id


def _parents(ordered: Sequence[Span], by_id: Mapping[str, Span]) -> Mapping[str, str]:
    """Return the parent of every span that hangs below another; nothing hangs below itself."""
    stands_for: dict[str, str] = {}
    for span in ordered:
        if span.is_entry and span.parent not in by_id:
            stands_for.setdefault(span.parent, span.id)
    parents: dict[str, str] = {}
    for span in ordered:
        parent = span.parent
        if parent not in by_id:
            parent = "" if span.is_entry else stands_for.get(parent, "") if parent else ""
        if parent and not _is_below(parent, span.id, parents):
            parents[span.id] = parent
    return parents


def _is_below(one: str, other: str, parents: Mapping[str, str]) -> bool:
    """Whether `one` is `other` or hangs below it."""
    place: str | None = one
    while place is not None:
        if place == other:
            return True
        place = parents.get(place)
    return False


@dataclass(slots=True)
class _Visit:
    """A span to be read, with what its ancestors decided."""

    span: Span
    depth: int
    shift_s: float
    """Added to the begins of its node's clock."""
    from_s: float
    until_s: float
    """The stretch in which the root's answer waited for it; empty when it never did."""


def _walk(root: Span, below: Mapping[str, Sequence[Span]]) -> Iterable[Leaf]:
    visits = [_Visit(root, 0, 0.0, root.began, root.ended)]
    while visits:
        visit = visits.pop()
        span = visit.span
        children = [_set_right(span, visit.shift_s, child) for child in below.get(span.id, ())]
        began, ended = span.began + visit.shift_s, span.ended + visit.shift_s
        waits = _waits(visit, children)
        waited = max(0.0, visit.until_s - visit.from_s) - sum(
            max(0.0, until - start) for start, until in waits.values()
        )
        yield Leaf(
            span=span,
            depth=visit.depth,
            offset_s=began - root.began,
            own_s=_uncovered(began, ended, children),
            waited_s=max(0.0, waited),
            is_lost=visit.depth == 0 and not span.is_entry and bool(span.parent),
        )
        nothing = (ended, ended)
        for child, shift_s in reversed(children):
            start, until = waits.get(child.id, nothing)
            visits.append(_Visit(child, visit.depth + 1, shift_s, start, until))


_Shifted = tuple[Span, float]


def _set_right(parent: Span, shift_s: float, child: Span) -> _Shifted:
    """Return a child with what its begins are moved by.

    Clocks of two nodes differ: work that seems to lie outside of the one that waited for it, and
    fits into it, is moved into its middle, as the way there and back take about the same.
    """
    if child.node == parent.node:
        return child, shift_s
    began, ended = parent.began + shift_s, parent.ended + shift_s
    if child.seconds > parent.seconds or (child.began >= began and child.ended <= ended):
        return child, 0.0
    return child, began + (parent.seconds - child.seconds) / 2 - child.began


def _waits(visit: _Visit, children: Sequence[_Shifted]) -> Mapping[str, tuple[float, float]]:
    """Return in which stretches a span's answer waited for which child.

    Read from the end: whoever of those begun ended last was waited for since it began.
    """
    waits: dict[str, tuple[float, float]] = {}
    until = visit.until_s
    by_end = sorted(children, key=lambda pair: (-(pair[0].ended + pair[1]), pair[0].id))
    for child, shift_s in by_end:
        start = max(child.began + shift_s, visit.from_s)
        end = min(child.ended + shift_s, until)
        if end > start:
            waits[child.id] = (start, end)
            until = start
    return waits


def _uncovered(began: float, ended: float, children: Sequence[_Shifted]) -> float:
    """Return how much of a stretch none of the children covers."""
    covered, reached = 0.0, began
    for first, last in sorted((child.began + by, child.ended + by) for child, by in children):
        start, end = max(first, reached), min(last, ended)
        if end > start:
            covered += end - start
            reached = end
    return max(0.0, ended - began - covered)
