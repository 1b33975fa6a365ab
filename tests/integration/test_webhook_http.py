"""One POST: its status, or why there is none."""

import socket

import pytest

from aether.errors import Unavailable
from aether.telemetry.webhook_http import post
from tests.cli_world import Answer, FakeApi, raw_server


async def test_a_redirect_is_not_followed() -> None:
    target = FakeApi()
    target.on("POST", "hook", Answer(302))
    try:
        headers = {"aether-event-id": "7.0"}
        assert await post(f"{target.url}/api/v1/hook", b"{}", headers, 2.0) == 302
    finally:
        target.close()
    (asked,) = target.asked
    assert (asked.body, asked.headers["aether-event-id"]) == (b"{}", "7.0")


async def test_nobody_there_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unavailable, match="cannot be reached"):
        await post(f"http://127.0.0.1:{port}/", b"{}", {}, 2.0)


def hang(connection: socket.socket) -> None:
    """Take what comes and answer nothing until the other side has had enough."""
    while connection.recv(65_536):
        continue


async def test_silence_is_said_in_time() -> None:
    with raw_server(hang) as url, pytest.raises(Unavailable, match=r"not answer within 0\.1 s"):
        await post(url, b"{}", {}, 0.1)


async def test_what_is_not_http_is_said() -> None:
    talk = raw_server(lambda connection: connection.sendall(b"hello\r\n\r\n"))
    with talk as url, pytest.raises(Unavailable, match=r"cannot be reached|not answer"):
        await post(url, b"{}", {}, 2.0)


async def test_no_path_or_token_is_told() -> None:
    with raw_server(hang) as url, pytest.raises(Unavailable) as late:
        await post(f"{url}/T0/tok3n?key=s3cret", b"{}", {}, 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    nobody = f"http://127.0.0.1:{port}/T0/tok3n?key=s3cret"
    with pytest.raises(Unavailable) as refused:
        await post(nobody, b"{}", {}, 2.0)
    broken = "http://127.0.0.1:99999/T0/tok3n?key=s3cret"  # aiohttp names the whole URL
    with pytest.raises(Unavailable) as malformed:
        await post(broken, b"{}", {}, 2.0)
    for problem in (late.value, refused.value, malformed.value):
        assert "tok3n" not in problem.message
        assert "s3cret" not in problem.message
        assert "127.0.0.1" in problem.message
