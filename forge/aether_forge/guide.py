"""What `up` prints once the cluster serves: where it is and what can be tried. Pure."""

from collections.abc import Mapping, Sequence

from aether_forge.layout import Layout

TRY = "# try: "
"""Begins a comment of a blueprint that is a command to try; see `commands_to_try`."""


def commands_to_try(blueprint: str, router: str, other: str) -> list[str]:
    """Return the commands a blueprint's comments propose.

    `{router}` in them becomes the address of one router, `{other}` that of another one.
    """
    return [
        line.removeprefix(TRY).replace("{router}", router).replace("{other}", other)
        for line in blueprint.splitlines()
        if line.startswith(TRY)
    ]


def guide(
    layout: Layout,
    numbers: Sequence[int],
    routes: Sequence[Mapping[str, object]],
    blueprints: Sequence[str],
) -> str:
    """Return endpoints, routes and commands as text for the terminal."""
    lines = ["", f"{'node':<8} {'applications':<23} management"]
    lines += [
        f"{f'node-{n}':<8} {layout.router_url(n):<23} {layout.management_url(n)}" for n in numbers
    ]
    if routes:
        lines += ["", "routes, the same on every node:"]
        lines += [f"  {_route(route)}" for route in routes]
    router, other = layout.router_url(numbers[0]), layout.router_url(numbers[-1])
    lines += ["", "try, in another shell:"]
    for blueprint in blueprints:
        lines += [f"  {command}" for command in commands_to_try(blueprint, router, other)]
    lines += [
        f"  export AETHER_ENDPOINT={','.join(layout.management_url(n) for n in numbers)}",
        "  aether status",
        f"  aether-forge kill node-1 --data-dir {layout.data_dir}",
        "",
    ]
    return "\n".join(lines)


def _route(route: Mapping[str, object]) -> str:
    return (
        f"{route.get('method', '')!s:<6} {route.get('pattern', '')}  ->  {route.get('slice', '')}"
    )
