from pathlib import Path

import pytest

from aether.artifacts.manifest import manifest_of, read_project
from aether.core.model.ids import SliceBase
from aether.core.model.records import Dependency, Manifest
from aether.errors import ConfigInvalid
from tests.wheels import ARTIFACT

GOOD = """
[project]
name = "sample"
version = "1.0.0"

[tool.aether.slice]
id = "org.example:sample"
entry = "sample.app:Sample"
dependencies = [{ slice = "org.example:clicks" }, { slice = "org.example:mail", required = false }]
"""


def problems_of(slice_table: dict[str, object], project: dict[str, object]) -> list[str]:
    document = {"project": project, "tool": {"aether": {"slice": slice_table}}}
    with pytest.raises(ConfigInvalid) as refused:
        manifest_of(document, "p.toml")
    return refused.value.problems


def test_a_project_gives_its_manifest(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(GOOD)
    assert read_project(tmp_path) == Manifest(
        artifact=ARTIFACT,
        entry="sample.app:Sample",
        kind="slice",
        dependencies=(
            Dependency(slice=SliceBase("org.example:clicks")),
            Dependency(slice=SliceBase("org.example:mail"), required=False),
        ),
    )


def test_an_app_may_leave_its_interface_to_be_found_out() -> None:
    table = {"id": "org.example:web", "app": "web:app", "prefix": "/web"}
    document = {"project": {"version": "2.0.0"}, "tool": {"aether": {"slice": table}}}
    found = manifest_of(document, "p.toml")
    assert (found.kind, found.entry, found.prefix) == ("app", "web:app", "/web")
    assert found.artifact == "org.example:web:2.0.0"


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_an_app_may_declare_its_interface(interface: str) -> None:
    table = {"id": "org.example:web", "app": "web:app", "interface": interface}
    document = {"project": {"version": "2.0.0"}, "tool": {"aether": {"slice": table}}}
    found = manifest_of(document, "p.toml")
    assert (found.kind, found.threads) == (interface, 0)


@pytest.mark.parametrize("interface", [{}, {"interface": "wsgi"}])
@pytest.mark.parametrize("threads", [1, 128])
def test_a_wsgi_application_may_say_how_many_threads_it_wants(
    interface: dict[str, str], threads: int
) -> None:
    table = {"id": "org.example:web", "app": "web:app", "threads": threads, **interface}
    document = {"project": {"version": "2.0.0"}, "tool": {"aether": {"slice": table}}}
    assert manifest_of(document, "p.toml").threads == threads


def test_all_problems_are_reported_together() -> None:
    problems = problems_of(
        {
            "id": "nonsense",
            "entry": "no-colon",
            "prefix": "/x",
            "colour": "red",
            "kind": "asgi",
            "dependencies": [{"slice": "bad"}, "text", {"slice": "a.b:c", "required": "yes"}],
        },
        {"version": "1.0.0"},
    )
    text = "\n".join(problems)
    assert all(problem.startswith("p.toml: ") for problem in problems)
    for part in ("id", "entry", "prefix", "colour", "kind", "[0].slice", "[1]", "[2].required"):
        assert part in text
    assert len(problems) == 8


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ({"id": "a.b:c"}, "only one"),
        ({"id": "a.b:c", "entry": "a:B", "app": "a:b"}, "only one"),
        ({"id": 5, "entry": "a:B"}, "must be text"),
        ({"id": "a.b:c", "app": "a:b", "prefix": "no-slash"}, "should look like"),
        ({"id": "a.b:c", "app": "a:b", "prefix": "/x/"}, "should look like"),
        ({"id": "a.b:c", "app": "a:b", "prefix": "/_aether/x"}, "reserved"),
        (
            {"id": "a.b:c", "app": "a:b", "interface": "cgi"},
            "interface 'cgi' should be \"asgi\" or",
        ),
        ({"id": "a.b:c", "app": "a:b", "interface": ["wsgi"]}, "interface ['wsgi'] should be"),
        ({"id": "a.b:c", "entry": "a:B", "interface": "wsgi"}, "interface is for app only"),
        ({"id": "a.b:c", "app": "a:b", "interface": "wsgi", "threads": 0}, "threads 0 should be"),
        ({"id": "a.b:c", "app": "a:b", "threads": 129}, "threads 129 should be a number from 1"),
        ({"id": "a.b:c", "app": "a:b", "threads": True}, "threads True should be"),
        ({"id": "a.b:c", "app": "a:b", "threads": "8"}, "threads '8' should be"),
        (
            {"id": "a.b:c", "app": "a:b", "interface": "asgi", "threads": 8},
            "WSGI applications only",
        ),
        ({"id": "a.b:c", "entry": "a:B", "threads": 8}, "WSGI applications only"),
        ({"id": "a.b:c", "entry": "a:B", "dependencies": "x"}, "must be a list"),
        ({"id": "a.b:c", "entry": "a:B", "dependencies": [{"slice": "a:b"}] * 2}, "more than once"),
    ],
)
def test_each_mistake_is_named(table: dict[str, object], part: str) -> None:
    assert part in "\n".join(problems_of(table, {"version": "1.0.0"}))


def test_a_version_is_needed() -> None:
    assert "version" in problems_of({"id": "a.b:c", "entry": "a:B"}, {})[0]


def test_a_project_that_is_no_slice_is_told_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    with pytest.raises(ConfigInvalid, match=r"tool\.aether\.slice"):
        read_project(tmp_path)
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        read_project(tmp_path / "absent")
