import doctest

import pytest

from aether.host.body import Body
from aether.host.exchange import Exchange
from aether.host.wsgi import environ as module
from aether.host.wsgi.environ import environ_of, path_info


class NoWire:
    def send(self, data: bytes) -> None:
        raise AssertionError("nothing is to be sent")

    async def writable(self) -> None:
        return

    def may_keep_alive(self, exchange: Exchange) -> bool:
        return True


def asked(
    *headers: tuple[bytes, bytes], method: str = "GET", path: bytes = b"/shop/x", query: bytes = b""
) -> Exchange:
    made = Exchange(NoWire(), Body(lambda: None, lambda: None))
    made.method, made.path, made.query, made.headers = method, path, query, list(headers)
    return made


@pytest.mark.parametrize(
    ("path", "prefix", "below"),
    [
        (b"/shop", "/shop", "/"),
        (b"/shop/", "/shop", "/"),
        (b"/shop/a/b", "/shop", "/a/b"),
        (b"/shop//a", "/shop", "//a"),
        (b"/sh%6Fp/a", "/shop", "/a"),
        (b"/shop/a%2Fb%20c", "/shop", "/a/b c"),
        (b"/shop/%E2%98%83", "/shop", "/\xe2\x98\x83"),
        (b"/shop/%ff\xfe", "/shop", "/\xff\xfe"),
        (b"/a", "", "/a"),
        (b"/", "", "/"),
        (b"/shopping", "/shop", None),
        (b"/other", "/shop", None),
        (b"*", "", None),
    ],
)
def test_the_path_is_what_stands_below_the_prefix(
    path: bytes, prefix: str, below: str | None
) -> None:
    assert path_info(path, prefix) == below


def test_an_environ_has_what_pep_3333_asks_for() -> None:
    exchange = asked(
        (b"host", b"example.org"),
        (b"content-type", b"text/plain"),
        (b"content-length", b"3"),
        (b"x-custom", b"caf\xe9"),
        method="PATCH",
        path=b"/shop/caf%C3%A9",
        query=b"a=1&b=%20\xe9",
    )
    environ = environ_of(exchange, "/shop", "/caf\xc3\xa9")
    named = {name: value for name, value in environ.items() if name.isupper()}
    assert named == {
        "REQUEST_METHOD": "PATCH",
        "SCRIPT_NAME": "/shop",
        "PATH_INFO": "/caf\xc3\xa9",
        "QUERY_STRING": "a=1&b=%20\xe9",
        "REQUEST_URI": "/shop/caf%C3%A9?a=1&b=%20\xe9",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "example.org",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "3",
        "HTTP_HOST": "example.org",
        "HTTP_X_CUSTOM": "caf\xe9",
    }
    assert environ["wsgi.version"] == (1, 0)
    assert environ["wsgi.url_scheme"] == "http"
    assert (environ["wsgi.multithread"], environ["wsgi.multiprocess"]) == (True, True)
    assert environ["wsgi.run_once"] is False
    assert environ["wsgi.input_terminated"] is True


def test_repeated_headers_are_joined_and_cookies_in_their_own_way() -> None:
    exchange = asked((b"accept", b"a"), (b"cookie", b"x=1"), (b"accept", b"b"), (b"cookie", b"y=2"))
    environ = environ_of(exchange, "", "/")
    assert environ["HTTP_ACCEPT"] == "a,b"
    assert environ["HTTP_COOKIE"] == "x=1; y=2"


def test_headers_that_would_be_taken_for_others_are_left_out() -> None:
    exchange = asked(
        (b"x_forwarded_for", b"10.0.0.1"),
        (b"content_length", b"9"),
        (b"proxy", b"http://evil"),
        (b"transfer-encoding", b"chunked"),
    )
    environ = environ_of(exchange, "", "/")
    assert not [name for name in environ if name.startswith(("HTTP_", "CONTENT_"))]


@pytest.mark.parametrize(
    ("headers", "server", "scheme", "remote"),
    [
        ([], ("localhost", "80"), "http", ""),
        ([(b"host", b"a.org:8070")], ("a.org", "8070"), "http", ""),
        ([(b"host", b"[::1]:8070")], ("[::1]", "8070"), "http", ""),
        ([(b"host", b"[::1]")], ("[::1]", "80"), "http", ""),
        (
            [
                (b"host", b"inner"),
                (b"x-forwarded-host", b"a.org"),
                (b"x-forwarded-proto", b"https"),
            ],
            ("a.org", "443"),
            "https",
            "",
        ),
        ([(b"x-forwarded-for", b"127.0.0.1")], ("localhost", "80"), "http", "127.0.0.1"),
        ([(b"x-forwarded-for", b"6.6.6.6, ::1")], ("localhost", "80"), "http", "::1"),
    ],
)
def test_the_router_says_who_asks_for_which_host_and_how(
    headers: list[tuple[bytes, bytes]], server: tuple[str, str], scheme: str, remote: str
) -> None:
    environ = environ_of(asked(*headers), "", "/")
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == server
    assert (environ["wsgi.url_scheme"], environ["REMOTE_ADDR"]) == (scheme, remote)


def test_the_examples_in_its_docstrings_are_true() -> None:
    assert doctest.testmod(module).failed == 0
