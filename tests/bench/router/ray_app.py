"""Ray Serve with the trivial application: `python ray_app.py PORT FOLDER`, run by Ray's own Python.

Reads `deploy` and `remove` from standard input, and says `ready` when Serve's proxy is up and `removed` when
the application is gone.
"""

import sys
from typing import Any

import ray  # type: ignore[import-not-found] # installed beside Ray only
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

BODY = b'{"answer":"' + b"x" * 86 + b'"}'
OBJECT_STORE_BYTES = 80 * 1024 * 1024
"""The least that Ray takes; none of it is used."""


class Trivial:
    """Answers with bytes it has at hand."""

    async def __call__(self, request: Request) -> Response:
        """Answer any request."""
        return Response(BODY, media_type="application/json")


def main(port: str, folder: str) -> None:
    """Serve until standard input ends."""
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=OBJECT_STORE_BYTES,
        _temp_dir=folder,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": int(port)})
    say("ready")
    for line in sys.stdin:
        if line.strip() == "deploy":
            serve.run(application(), route_prefix="/answer")
            say("deployed")
        else:
            serve.delete("default")
            say("removed")
    serve.shutdown()
    ray.shutdown()


def application() -> Any:  # Ray is not there for the type checker
    """Return one replica that takes as many requests at once as come, without an access log."""
    options = {"num_replicas": 1, "max_ongoing_requests": 1000}
    quiet = {"enable_access_log": False}
    return serve.deployment(Trivial, logging_config=quiet, **options).bind()


def say(word: str) -> None:
    """Tell the bench."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
