"""What a row of the API's table says unless told otherwise."""

from aether.api.endpoint import SMALL_BODY_BYTES, Endpoint, v1
from aether.api.routes import ENDPOINTS


def test_paths_carry_the_version_of_the_api() -> None:
    assert v1("nodes/{id}") == "/api/v1/nodes/{id}"


def test_a_row_that_says_nothing_else_reads_and_takes_a_small_body() -> None:
    template = ENDPOINTS[0]
    row = Endpoint(
        method="GET", path=v1("x"), name="x.get", handler=template.handler, answers="something"
    )
    assert (row.role, row.status, row.leader_only) == ("viewer", 200, False)
    assert row.body_limit == SMALL_BODY_BYTES


def test_whoever_may_change_something_is_more_than_a_viewer() -> None:
    readers = {"blueprint.validate"}
    for row in ENDPOINTS:
        if row.method != "GET" and row.name not in readers and not row.name.endswith(".plan"):
            assert row.role != "viewer", row.name
