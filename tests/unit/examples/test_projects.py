"""The example projects and blueprints fit each other, and the manifests fit the code."""

import pytest

from aether.artifacts.manifest import read_project
from aether.config.blueprint import read_blueprint
from aether.core.dataplane.match import parse_pattern, shape
from aether.core.model.records import Manifest
from aether.host.entry import Loaded, load
from tests.example_slices import PROJECTS, ROOT, import_example

MANIFESTS = {name: read_project(project) for name, project in PROJECTS.items()}
COORDINATES = {
    "clicks": "org.example:clicks:1.0.0",
    "links": "org.example:links:1.0.0",
    "hello_asgi": "org.example:hello-asgi:1.0.0",
    "hello_wsgi": "org.example:hello-wsgi:1.0.0",
}


def loaded(name: str) -> Loaded:
    manifest = MANIFESTS[name]
    import_example(manifest.entry.partition(":")[0])
    found = load(manifest)
    assert isinstance(found, Loaded), found
    return found


@pytest.mark.parametrize("name", PROJECTS)
def test_a_project_loads_as_its_manifest_says(name: str) -> None:
    assert MANIFESTS[name].artifact == COORDINATES[name]
    assert loaded(name).manifest == MANIFESTS[name]


def test_links_declares_the_slice_it_calls() -> None:
    (dependency,) = MANIFESTS["links"].dependencies
    assert (dependency.slice, dependency.required) == ("org.example:clicks", True)


def test_routes_and_calls_are_the_documented_ones() -> None:
    assert {f"{route.method} {route.pattern}" for route in loaded("links").routes} == {
        "POST /api/v1/urls",
        "GET /api/v1/urls/{code}",
        "GET /{code}",
    }
    assert {f"{route.method} {route.pattern}" for route in loaded("hello_asgi").routes} == {
        "* /hello",
        "* /hello/{*rest}",
    }
    assert {f"{route.method} {route.pattern}" for route in loaded("hello_wsgi").routes} == {
        "* /wsgi",
        "* /wsgi/{*rest}",
    }
    assert loaded("clicks").methods == ("record", "total")


def test_no_two_examples_answer_the_same_path() -> None:
    shapes = [
        shape(parse_pattern(route.pattern)) for name in PROJECTS for route in loaded(name).routes
    ]
    assert len(shapes) == len(set(shapes))


@pytest.mark.parametrize(
    ("file", "instances"),
    [
        ("url_shortener.toml", {"org.example:links:1.0.0": 3, "org.example:clicks:1.0.0": 2}),
        (
            "url_shortener_zones.toml",
            {"org.example:links:1.0.0": 4, "org.example:clicks:1.0.0": 2},
        ),
        ("asgi_app.toml", {"org.example:hello-asgi:1.0.0": 2}),
        ("wsgi_app.toml", {"org.example:hello-wsgi:1.0.0": 2}),
    ],
)
def test_a_blueprint_deploys_artifacts_of_the_examples(
    file: str, instances: dict[str, int]
) -> None:
    draft = read_blueprint((ROOT / "blueprints" / file).read_text(), file)
    assert {slice_.artifact: slice_.instances for slice_ in draft.slices} == instances
    assert set(instances) <= {manifest.artifact for manifest in MANIFESTS.values()}
    required = {need for artifact in instances for need in _required(artifact)}
    assert required <= {slice_.artifact.base for slice_ in draft.slices}


def _required(artifact: str) -> set[str]:
    manifest: Manifest = next(each for each in MANIFESTS.values() if each.artifact == artifact)
    return {dependency.slice for dependency in manifest.dependencies if dependency.required}


def test_interfaces_are_found_out_or_declared() -> None:
    assert (loaded("hello_asgi").kind, MANIFESTS["hello_asgi"].kind) == ("asgi", "app")
    assert (loaded("hello_wsgi").kind, MANIFESTS["hello_wsgi"].kind) == ("wsgi", "wsgi")
    assert (loaded("clicks").kind, MANIFESTS["hello_wsgi"].threads) == ("slice", 16)


@pytest.mark.parametrize("name", ["hello_asgi", "hello_wsgi"])
def test_an_application_knows_nothing_of_aether(name: str) -> None:
    sources = list(PROJECTS[name].rglob("*.py"))
    assert sources
    assert all("aether" not in source.read_text() for source in sources)
