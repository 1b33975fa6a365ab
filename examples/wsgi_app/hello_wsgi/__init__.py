"""A plain WSGI application without any framework: a greeting, a count that streams, a digest."""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import request_uri

MAX_COUNT = 1000
PAUSE_S = 0.01
PIECE_BYTES = 64 * 1024


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request."""
    match environ["REQUEST_METHOD"], environ["PATH_INFO"].split("/")[1:]:
        case (("GET" | "HEAD"), [""]):
            return _text(start_response, "Hello, world!\n")
        case (("GET" | "HEAD"), ["count", last]) if last.isdigit():
            return _count(start_response, int(last))
        case "POST", ["digest"]:
            return _digest(environ, start_response)
        case (("GET" | "HEAD"), [name]):
            url = request_uri(environ, include_query=False)
            # PEP 3333: the characters of a path stand for its bytes.
            told = {"hello": name.encode("latin-1").decode("utf-8", "replace"), "url": url}
            return _json(start_response, told)
        case _:
            return _text(start_response, "There is nothing here.\n", HTTPStatus.NOT_FOUND)


def _count(start_response: StartResponse, last: int) -> Iterable[bytes]:
    """Count to a number, a line at a time."""
    if last > MAX_COUNT:
        problem = f"{last} is too far to count to: the limit is {MAX_COUNT}\n"
        return _text(start_response, problem, HTTPStatus.UNPROCESSABLE_ENTITY)
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return _lines(last)


def _lines(last: int) -> Iterator[bytes]:
    for number in range(1, last + 1):
        yield b"%d\n" % number
        time.sleep(PAUSE_S)


def _digest(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Read a body of any size a piece at a time."""
    body, digest, size = environ["wsgi.input"], hashlib.sha256(), 0
    while piece := body.read(PIECE_BYTES):
        digest.update(piece)
        size += len(piece)
    return _json(start_response, {"sha256": digest.hexdigest(), "bytes": size})


def _text(
    start_response: StartResponse, text: str, status: HTTPStatus = HTTPStatus.OK
) -> Iterable[bytes]:
    headers = [("Content-Type", "text/plain; charset=utf-8")]
    start_response(f"{status.value} {status.phrase}", headers)
    return [text.encode()]


def _json(start_response: StartResponse, value: object) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(value).encode()]
