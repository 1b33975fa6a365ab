"""Write docs/reference/ from the code: `reference.py` writes, `reference.py --check` compares.

Exit code 1 when `--check` finds a page that is not what the code says.
"""

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import click

from aether import errors
from aether.api import problems, routes
from aether.api.endpoint import Endpoint
from aether.cli.exits import ExitCode
from aether.cli.root import root
from aether.config import node
from aether.config.blueprint_schema import reference_lines
from aether.config.layers import variable
from aether.config.runtime_settings import PAIRS, SETTINGS
from aether.errors import AetherError
from aether.node.command import node_command
from aether.telemetry.exposition.reference import metrics_lines

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "reference"
GENERATED = "<!-- Written by .ci/reference.py from the code: change the code, not this page. -->"


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield a Markdown table."""
    names = list(headings)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


# ---- configuration -----------------------------------------------------------------------------


def meanings(kind: type) -> Mapping[str, str]:
    """Return the docstring below each field of a dataclass."""
    (body,) = ast.parse(inspect.getsource(kind).strip()).body
    if not isinstance(body, ast.ClassDef):
        raise TypeError(f"{kind} is not a class of our own")
    found: dict[str, str] = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            text = following.value if isinstance(following, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found[statement.target.id] = text.value
    return found


def settings(kind: type, prefix: str = "") -> Iterator[tuple[str, str, str, str, str]]:
    """Yield name, default, variable, flag and meaning of every setting."""
    said, hints = meanings(kind), get_type_hints(kind)
    flags = {option.name: option.opts[0] for option in node_command.params}
    for item in fields(kind):
        name = f"{prefix}{item.name}"
        if item.name == "origins":
            continue
        if is_dataclass(hints[item.name]):
            yield from settings(hints[item.name], f"{name}.")
            continue
        flag = flags.get(name.replace(".", "_"), "")
        yield (
            f"`{name}`",
            default_of(item),
            f"`{variable(name)}`",
            f"`{flag}`" if flag else "",
            said[item.name],
        )


def default_of(item: Any) -> str:  # noqa: ANN401 - a dataclass field of any type
    """Return a field's default as TOML would write it."""
    if item.name == "node_id":
        return "required"
    value = item.default
    if not isinstance(value, bool | int | float | str | Path):
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str | Path) else f"`{value}`"


def config_page() -> Iterator[str]:
    """Yield the lines of config.md."""
    yield "# Configuration of a node"
    yield ""
    yield (
        "Defaults, then the file (`--config FILE` or `AETHER_CONFIG`), then the environment, then "
        "flags: the later wins. In the file, a name with a dot stands in a table: `[control]`, "
        "`period_s = 1.0`. Lists in the environment are separated by commas, labels written "
        "`zone=a,disk=ssd`. Unknown names are errors, and all problems are reported together, "
        "each with where its value came from."
    )
    yield ""
    yield from table(
        ("setting", "default", "environment", "flag", "meaning"), settings(node.NodeConfig)
    )


def runtime_settings_page() -> Iterator[str]:
    """Yield the lines of settings.md."""
    yield "# Settings that can be changed at run time"
    yield ""
    yield (
        "By `aether config set NAME VALUE`; with `--node X` for one node where its scopes allow. Nearest "
        "wins: node, cluster, what the node was given (flags, environment, file), default. Settings of "
        "slices have any name: see the [guide](../guide/configuration.md)."
    )
    yield ""
    rows = (
        (
            f"`{setting.name}`",
            f"`{setting.default}`",
            ", ".join(setting.scopes),
            setting.allowed,
            setting.meaning,
        )
        for setting in SETTINGS.values()
    )
    yield from table(("setting", "default", "scopes", "allowed", "meaning"), rows)
    yield ""
    yield "What must go together:"
    yield ""
    for pair in PAIRS:
        than = "is at most" if pair.may_equal else "is less than"
        yield f"- `{pair.lesser}` {than} `{pair.greater}`: {pair.why}"


# ---- management API ----------------------------------------------------------------------------


def family(kind: type[AetherError]) -> Iterator[type[AetherError]]:
    """Yield an error and all its descendants."""
    for inner in kind.__subclasses__():
        if inner.__module__ in (errors.__name__, problems.__name__):
            yield inner
            yield from family(inner)


def api_page() -> Iterator[str]:
    """Yield the lines of api.md."""
    yield "# Management API"
    yield ""
    yield (
        "HTTP/1.1 on the management port of every node; JSON unless said otherwise. Any node "
        "answers every call: those marked *leader* are handed to the node that leads. Lists are "
        '`{"items": […], "next": cursor or null}`. `X-Request-Id` (1 to 128 visible ASCII '
        "characters) is taken from the caller or made, returned, and kept in the reason of what "
        "the call changed. *Role* is the least role that will be needed once roles are checked."
    )
    for noun, endpoints in by_noun():
        yield ""
        yield f"## {noun}"
        for endpoint in endpoints:
            yield ""
            yield from endpoint_lines(endpoint)
    yield ""
    yield from error_lines()


def by_noun() -> Iterator[tuple[str, list[Endpoint]]]:
    """Yield the calls of the table, noun by noun, in its order."""
    nouns = dict.fromkeys(endpoint.name.partition(".")[0] for endpoint in routes.ENDPOINTS)
    for noun in nouns:
        yield noun, [one for one in routes.ENDPOINTS if one.name.partition(".")[0] == noun]


def endpoint_lines(endpoint: Endpoint) -> Iterator[str]:
    """Yield what there is to say about one call."""
    yield f"### `{endpoint.method} {endpoint.path}`"
    yield ""
    yield inspect.getdoc(endpoint.handler) or ""
    yield ""
    marks = [f"`{endpoint.name}`", f"role {endpoint.role}"]
    marks += ["leader"] if endpoint.leader_only else []
    yield f"- {', '.join(marks)}"
    if endpoint.takes:
        yield f"- takes {endpoint.takes}; at most {endpoint.body_limit // 1024} KiB"
    for name, meaning in (endpoint.query or {}).items():
        yield f"- `?{name}=` {meaning}"
    yield f"- answers {endpoint.status}: {endpoint.answers}"


def error_lines() -> Iterator[str]:
    """Yield the chapter on errors."""
    yield "## Errors"
    yield ""
    yield (
        "`application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail` (a sentence "
        "with the values in it), `code` (stable), `instance` (the request id), `advice` (what to "
        "do), and more fields by code, as `problems`: every problem found."
    )
    yield ""
    rows = [
        (str(problems.kind_of(kind).status), f"`{kind.code}`", one_line(kind))
        for kind in family(AetherError)
    ]
    yield from table(("status", "code", "meaning"), sorted({*rows, UNEXPECTED_ROW}))
    yield ""
    yield (
        "503 carries `Retry-After` and means that nothing was changed. 504 `outcome_unknown` means "
        "that a change may have been made or not: read the present state before repeating it."
    )


UNEXPECTED_ROW = ("500", "`internal`", "An error nobody foresaw; the node's log has it.")


def one_line(kind: type[AetherError]) -> str:
    """Return the first sentence of a class's docstring."""
    return (inspect.getdoc(kind) or "").splitlines()[0]


# ---- command -----------------------------------------------------------------------------------


def commands(command: click.Command, ctx: click.Context) -> Iterator[click.Context]:
    """Yield the context of every command that is no group, depth first."""
    if not isinstance(command, click.Group):
        yield ctx
        return
    for name in command.list_commands(ctx):
        inner = command.get_command(ctx, name)
        if inner is not None:
            yield from commands(inner, click.Context(inner, info_name=name, parent=ctx))


def options_of(command: click.Command) -> Iterator[tuple[str, str]]:
    """Yield the options of a command: how they are written, and their help."""
    ctx = click.Context(command)
    for parameter in command.params:
        record = parameter.get_help_record(ctx)
        if isinstance(parameter, click.Option) and record is not None:
            yield f"`{record[0]}`", " ".join(record[1].split())


def cli_page() -> Iterator[str]:
    """Yield the lines of cli.md."""
    top = click.Context(root, info_name="aether")
    shared = dict(options_of(root))
    yield "# The `aether` command"
    yield ""
    yield "Data goes to standard output, talk to standard error. Exit codes:"
    yield ""
    codes = ", ".join(f"{code.value} {code.name.lower().replace('_', ' ')}" for code in ExitCode)
    yield f"{codes}."
    yield ""
    yield "## Options of every command"
    yield ""
    yield from table(("option", "meaning"), shared.items())
    for ctx in commands(root, top):
        yield ""
        usage = " ".join(ctx.command.collect_usage_pieces(ctx))
        yield f"## `{ctx.command_path} {usage}`".replace(" [OPTIONS]", "")
        yield ""
        yield inspect.cleandoc(ctx.command.help or "")
        own = [row for row in options_of(ctx.command) if row[0] not in shared]
        if own:
            yield ""
            yield from table(("option", "meaning"), own)


PAGES = {
    "config.md": config_page,
    "settings.md": runtime_settings_page,
    "blueprint.md": reference_lines,
    "api.md": api_page,
    "cli.md": cli_page,
    "metrics.md": metrics_lines,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or compare them."""
    stale = []
    for name, lines in PAGES.items():
        text = "\n".join([GENERATED, "", *lines(), ""])
        page = TARGET / name
        if arguments == ["--check"]:
            if not page.exists() or page.read_text() != text:
                stale.append(name)
        else:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text)
    if stale:
        print(f"stale: {', '.join(stale)}; run .venv/bin/python .ci/reference.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
