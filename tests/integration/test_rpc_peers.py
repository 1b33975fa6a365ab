"""Calls to other nodes over real gRPC: forwarding, artifacts and copies, errors that arrive whole."""

from pathlib import Path

import pytest

from aether.errors import (
    BlueprintInvalid,
    Invalid,
    NotFound,
    NotLeader,
    TooLarge,
    Unavailable,
)
from aether.ports import ApiRequest, ApiResponse
from aether.rpc import settings
from tests.integration.rpc_nodes import get, nodes, post, wheel_record


async def test_a_call_is_answered_by_the_leader(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (one, two):
        seen: list[ApiRequest] = []

        def answer(request: ApiRequest) -> ApiResponse:
            seen.append(request)
            return ApiResponse(status=201, headers={"x-by": "node-2"}, body=request.body * 2)

        two.answer = answer
        request = ApiRequest(
            method="POST", path="/api/v1/kv?k=1", headers={"a": "b"}, body=bytes(range(256))
        )
        response = await one.peers.forward(two.name, request)
        assert seen == [request]
        assert response == ApiResponse(
            status=201, headers={"x-by": "node-2"}, body=bytes(range(256)) * 2
        )


async def test_an_error_arrives_as_the_error_it_was(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (one, two):

        def refuse(request: ApiRequest) -> ApiResponse:
            raise NotLeader("node-2 does not lead", fields={"leader": "node-9"})

        two.answer = refuse
        with pytest.raises(NotLeader, match="node-2 does not lead") as caught:
            await one.peers.forward(two.name, get())
        assert caught.value.fields == {"leader": "node-9"}

        def invalid(request: ApiRequest) -> ApiResponse:
            raise BlueprintInvalid(["line 1: id is missing", "line 2: instances is 0"])

        two.answer = invalid
        with pytest.raises(BlueprintInvalid) as problems:
            await one.peers.forward(two.name, post())
        assert problems.value.problems == ["line 1: id is missing", "line 2: instances is 0"]


async def test_bodies_over_the_limit_are_refused_on_both_ways(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (one, two):
        limit = settings.MAX_BODY_BYTES
        fits = post(b"x" * limit)
        two.answer = lambda request: ApiResponse(status=200, body=request.body)
        assert len((await one.peers.forward(two.name, fits)).body) == limit
        with pytest.raises(TooLarge, match=str(limit)):
            await one.peers.forward(two.name, post(b"x" * (limit + 1)))
        two.answer = lambda _: ApiResponse(status=200, body=b"x" * (limit + 1))
        with pytest.raises(TooLarge, match="ask for less"):
            await one.peers.forward(two.name, get())


async def test_a_wheel_is_fetched_from_a_holder(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (one, two):
        wheel = bytes(range(256)) * 5000
        artifact, record = wheel_record(wheel, [two.name])
        two.shelf[record.digest] = wheel
        assert await one.peers.fetch(artifact, record) == wheel


async def test_a_holder_with_wrong_bytes_or_none_is_passed_over(tmp_path: Path) -> None:
    async with nodes(tmp_path, 4) as (one, two, three, four):
        wheel = b"good" * 1000
        artifact, record = wheel_record(wheel, [two.name, three.name])
        two.shelf[record.digest] = b"evil" * 1000
        four.shelf[record.digest] = wheel
        assert await one.peers.fetch(artifact, record) == wheel
        four.shelf[record.digest] = wheel + b"more"
        with pytest.raises(Unavailable) as caught:
            await one.peers.fetch(artifact, record)
        for said in ("node-2 sent", "node-3 does not hold", "node-4 sends more than"):
            assert said in caught.value.message


async def test_copies_are_made_on_as_many_nodes_as_asked(tmp_path: Path) -> None:
    async with nodes(tmp_path, 4) as (one, two, three, four):
        wheel = b"wheel" * 100
        artifact, record = wheel_record(wheel, [one.name])
        one.shelf[record.digest] = wheel
        assert await one.peers.replicate(artifact, record, 2) == (two.name, three.name)
        assert two.shelf == three.shelf == {record.digest: wheel}
        assert four.shelf == {}


async def test_a_dead_peer_is_replaced_by_the_next_when_copying(tmp_path: Path) -> None:
    async with nodes(tmp_path, 4) as (one, two, three, four):
        wheel = b"wheel" * 100
        artifact, record = wheel_record(wheel, [one.name])
        one.shelf[record.digest] = wheel
        await two.server.stop(0)
        assert await one.peers.replicate(artifact, record, 2) == (three.name, four.name)
        await three.server.stop(0)
        await four.server.stop(0)
        assert await one.peers.replicate(artifact, record, 1) == ()


async def test_an_unknown_artifact_is_not_found(tmp_path: Path) -> None:
    async with nodes(tmp_path, 2) as (one, two):
        _, record = wheel_record(b"w", [two.name])
        with pytest.raises(NotFound) as caught:
            await one.peers.fetch_from(two.name, record)
        assert isinstance(caught.value, Invalid)
        assert caught.value.fields == {"digest": record.digest}
