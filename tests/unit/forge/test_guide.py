"""What is printed when the cluster is up."""

from pathlib import Path

from aether_forge.guide import commands_to_try, guide
from aether_forge.layout import Layout

BLUEPRINT = """\
# A comment.
# try: curl {router}/hello
id = "g:n:1.0.0"
# try: curl {other}/hello -d '{"a": 1}'
"""


def test_comments_become_commands() -> None:
    assert commands_to_try(BLUEPRINT, "http://a", "http://b") == [
        "curl http://a/hello",
        """curl http://b/hello -d '{"a": 1}'""",
    ]


def test_the_guide_names_endpoints_routes_and_commands() -> None:
    routes = [{"method": "GET", "pattern": "/hello", "slice": "g:n"}]
    text = guide(Layout(Path("/d")), [1, 3], routes, [BLUEPRINT])
    for line in (
        "node-1   http://127.0.0.1:8071   http://127.0.0.1:5151",
        "  GET    /hello  ->  g:n",
        "  curl http://127.0.0.1:8071/hello",
        """  curl http://127.0.0.1:8073/hello -d '{"a": 1}'""",
        "  export AETHER_ENDPOINT=http://127.0.0.1:5151,http://127.0.0.1:5153",
    ):
        assert line in text.splitlines()
    assert "routes" not in guide(Layout(Path("/d")), [1], [], [])
