"""Who is meant by a name given to `aether why`: it is asked for by the call of its kind."""

from collections.abc import Callable, Mapping
from typing import Any

from aether.cli.client import Client, path_to
from aether.cli.failures import InvalidInput, Missing
from aether.config.guess import did_you_mean
from aether.core.model.ids import Artifact, InstanceId, parse_node_id, parse_slice_base

_KINDS: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "node": ("nodes", parse_node_id),
    "slice": ("slices", parse_slice_base),
    "blueprint": ("blueprints", parse_slice_base),
}
_SHAPES = (
    "name a slice (group:name, or its name alone), a node or a blueprint; node/…, slice/… or "
    "blueprint/… settles which"
)

Answer = Any
"""JSON values."""


def ask_why(client: Client, name: str, query: Mapping[str, object]) -> Answer:
    """Return why the thing named is as it is.

    Raises InvalidInput, before anybody is asked, for what is no name, and for what may be several
    things; Missing when there is none.
    """
    if not name.strip():
        raise InvalidInput(f"{name!r} names nothing: {_SHAPES}")
    if "/" not in name and ":" not in name:
        return _short(client, name, query)
    *others, last = _written_out(name)
    for noun, full in others:
        try:
            return client.get(path_to(noun, full, "why", **query))
        except Missing as missing:
            if missing.code == "no_such_call":
                raise
    return client.get(path_to(*last, "why", **query))


def _written_out(name: str) -> tuple[tuple[str, str], ...]:
    """Return the kinds and names that a name with its group may stand for, the likeliest first."""
    kind, slash, rest = name.partition("/")
    try:
        if slash and kind in _KINDS:
            noun, parse = _KINDS[kind]
            return ((noun, parse(rest)),)
        base = _base(name)
    except ValueError as problem:
        raise InvalidInput(f"{problem}; {_SHAPES}") from problem
    return ("slices", base), ("blueprints", base)


def _base(name: str) -> str:
    """Return `group:name` of a slice, an artifact or an instance."""
    if "/" in name:
        return InstanceId(name).base
    return Artifact(name).base if name.count(":") == 2 else parse_slice_base(name)


def _short(client: Client, name: str, query: Mapping[str, object]) -> Answer:
    """Ask about a node, a slice or a blueprint; a blueprint often shares its name with a slice of it."""
    bases = {
        "slices": [str(one["base"]) for one in client.items("slices")],
        "blueprints": [_without_version(str(one["id"])) for one in client.items("blueprints")],
    }
    nodes = [str(one["node"]) for one in client.items("nodes")]
    for noun, known in bases.items():
        named = sorted(base for base in known if base.partition(":")[2] == name)
        if name in nodes or not named:
            continue
        if len(named) > 1:
            raise InvalidInput(f"{name} may be any of {', '.join(named)}: name it in full")
        return client.get(path_to(noun, named[0], "why", **query))
    return _node(client, name, [*nodes, *bases["slices"], *bases["blueprints"]], query)


def _without_version(blueprint: str) -> str:
    return ":".join(blueprint.split(":")[:2])


def _node(client: Client, name: str, known: list[str], query: Mapping[str, object]) -> Answer:
    """Ask about a node; one that is gone may still be told of."""
    try:
        return client.get(path_to("nodes", name, "why", **query))
    except (Missing, InvalidInput) as problem:
        if problem.code not in ("not_found", "invalid"):
            raise
        short = filter(None, (base.partition(":")[2] for base in known))
        raise Missing(
            f"there is no slice, node or blueprint {name}{did_you_mean(name, {*known, *short})}",
            remedy="see `aether slice list`, `aether node list` and `aether blueprint list`",
            status=404,
        ) from problem
