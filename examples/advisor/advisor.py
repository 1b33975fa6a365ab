"""An advisor for Aether: proposes instances ahead of times of day that a person knows to be busy.

    python advisor.py --port 9000 --plan plan.json

It is asked by the leader of a cluster whose nodes have `[advisor] url = "http://127.0.0.1:9000/"`, is shown
the figures of every scaled slice, and answers with proposals. It never acts: the leader takes a proposal
only within the slice's bounds, and by default only shows it. Standard library only.
"""

import argparse
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

MAX_BODY_BYTES = 1024 * 1024
ASK_S = 10.0
"""Longest time one caller may take."""


def proposals(
    slices: Iterable[Mapping[str, Any]], plan: Mapping[str, Any], now: time
) -> list[dict[str, Any]]:
    """Return what to propose at a time of day, given the figures of the slices and a plan.

    The plan names, for a slice, hours and how many instances are to be there at least:
    `{"org.example:shop": [{"from": "11:45", "until": "13:00", "instances": 6, "why": "lunch"}]}`.
    """
    found = []
    for figures in slices:
        for entry in plan.get(figures["slice"], ()):
            is_due = time.fromisoformat(entry["from"]) <= now < time.fromisoformat(entry["until"])
            wanted = min(entry["instances"], figures["most"])
            if is_due and not figures["held"] and figures["instances"] < wanted:
                found.append(
                    {"slice": figures["slice"], "instances": wanted, "reason": entry["why"]}
                )
                break
    return found


class Handler(BaseHTTPRequestHandler):
    """Answers `POST /` with proposals."""

    plan: Mapping[str, Any] = {}
    timeout = ASK_S

    def do_POST(self) -> None:
        """Read the figures, answer with what the plan proposes now."""
        length = int(self.headers.get("content-length") or 0)
        if not 0 < length <= MAX_BODY_BYTES:
            self.send_error(413)
            return
        try:
            figures = json.loads(self.rfile.read(length))
            found = proposals(figures["slices"], self.plan, datetime.now().astimezone().time())
        except (ValueError, KeyError, TypeError) as problem:
            self.send_error(400, str(problem)[:100])
            return
        body = json.dumps({"proposals": found}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument(
        "--plan", type=Path, required=True, help="JSON: hours and instances by slice"
    )
    given = parser.parse_args()
    Handler.plan = json.loads(given.plan.read_text())
    server = HTTPServer(("127.0.0.1", given.port), Handler)
    print(f"advising on http://127.0.0.1:{server.server_port}/", flush=True)  # noqa: T201 - a program for a terminal
    server.serve_forever()


if __name__ == "__main__":
    main()
