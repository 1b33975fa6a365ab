"""Calls about artifacts."""

from tests.api_world import ApiWorld


async def test_artifacts(world: ApiWorld) -> None:
    digest = "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0"  # of b"aaa"
    first = await world.call("POST", f"artifacts?filename=x.whl&digest=sha256:{digest}", b"aaa")
    assert (first.status, first.json()["digest"]) == (201, digest)
    again = await world.call("POST", "artifacts", b"aaa", {"x-filename": "y.whl", "digest": digest})
    assert again.status == 200
    assert world.intake.accepted == [("x.whl", digest), ("y.whl", digest)]
    (listed,) = (await world.call("GET", "artifacts")).items()
    assert listed["artifact"] == "org.example:pushed:1.0.0"
    wrong = await world.call("POST", f"artifacts?digest={'0' * 64}", b"aaa")
    assert (wrong.status, wrong.json()["code"]) == (422, "digest_mismatch")
    assert (await world.call("POST", "artifacts?digest=md5:1", b"aaa")).status == 422
    assert (await world.call("POST", "artifacts?digest=", b"aaa")).status == 422
    assert (await world.call("POST", "artifacts?filename=../x.whl", b"aaa")).status == 422
    assert (await world.call("POST", "artifacts")).status == 422
