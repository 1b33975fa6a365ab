"""The router's own answers as bytes."""

import json

from aether.dataplane.problems import (
    Problem,
    method_not_allowed,
    no_route,
    render,
    upstream_lost,
    upstream_timeout,
)


def parts(data: bytes) -> tuple[list[str], bytes]:
    head, _, body = data.partition(b"\r\n\r\n")
    return head.decode().split("\r\n"), body


def test_is_a_problem_document_of_its_length() -> None:
    lines, body = parts(render(no_route("GET", "/x"), "id", body_wanted=True, close=False))
    assert lines[0] == "HTTP/1.1 404 Not Found"
    assert f"content-length: {len(body)}" in lines
    assert "content-type: application/problem+json" in lines
    assert "x-request-id: id" in lines
    document = json.loads(body)
    assert document["code"] == "no_route"
    assert document["status"] == 404
    assert document["title"] == "Not Found"
    assert "GET /x" in document["detail"]


def test_head_wants_no_body_and_close_is_said() -> None:
    lines, body = parts(render(no_route("HEAD", "/x"), "id", body_wanted=False, close=True))
    assert body == b""
    assert "connection: close" in lines


def test_instance_and_node_are_fields_and_a_header() -> None:
    lost = upstream_lost("a:b:1.0.0/0", "n1", "reset", is_mesh=True)
    lines, body = parts(render(lost, "id", body_wanted=True, close=False))
    assert "x-aether-instance: a:b:1.0.0/0" in lines
    assert "x-aether-refused: lost" in lines
    assert (json.loads(body)["instance"], json.loads(body)["node"]) == ("a:b:1.0.0/0", "n1")
    assert upstream_lost("i", "n", "r", is_mesh=False).headers == {}


def test_long_paths_are_shortened_and_odd_ones_escaped() -> None:
    problem: Problem = method_not_allowed("PUT", '/"' + "a" * 5000, ("GET",))
    _, body = parts(render(problem, "id", body_wanted=True, close=False))
    assert len(body) < 600
    assert '/"aaa' in json.loads(body)["detail"]


def test_timeout_before_an_instance_was_found_names_the_slice() -> None:
    assert upstream_timeout("a:b", 2.0, "", "").fields == {}
    assert "an instance of a:b" in upstream_timeout("a:b", 2.0, "", "").detail
