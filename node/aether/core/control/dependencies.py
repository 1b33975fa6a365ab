"""The graph of slices that need each other."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from aether.core.model.ids import SliceBase
from aether.core.model.records import Dependency


def find_cycle(needs: Mapping[SliceBase, tuple[Dependency, ...]]) -> list[SliceBase]:
    """Return the slices of one circle of required dependencies, first and last equal, or []."""
    sorter = TopologicalSorter(
        {
            base: sorted(need.slice for need in dependencies if need.required)
            for base, dependencies in sorted(needs.items())
        }
    )
    try:
        sorter.prepare()
    except CycleError as circle:
        found: list[SliceBase] = list(circle.args[1])
        return found[::-1]
    return []
