"""The application behind every proxy: nginx, which costs least, else the origin of this repository.

It answers `/size/N` with N bytes to any method, over a Unix socket and over TCP.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench import programs
from tests.bench.router.places import OTHER_CORE, Origin, Running, free_ports

SMALL = 100
LARGE = 65536


@contextlib.contextmanager
def running_origin(folder: Path) -> Iterator[tuple[str, dict[str, Origin]]]:
    """Start it; yield its name and how it is reached, by kind."""
    folder.mkdir()
    socket, (port,) = folder / "origin.sock", free_ports(1)
    address = f"127.0.0.1:{port}"
    program = programs.debian("nginx")
    command = _nginx(program, folder, socket, address) if program else _ours(socket, address)
    process = Running(command, folder, OTHER_CORE)
    try:
        process.wait_answer(f"http://{address}/size/{SMALL}")
        yield (
            "nginx" if program else "Python",
            {kind: Origin(kind=kind, socket=socket, address=address) for kind in ("unix", "tcp")},
        )
    finally:
        process.end()


def _ours(socket: Path, address: str) -> list[str]:
    return [sys.executable, "-m", "tests.bench.origin", str(socket), address]


def _nginx(program: str, folder: Path, socket: Path, address: str) -> list[str]:
    small = '{"answer":"' + "x" * (SMALL - 13) + '"}'
    (folder / "large").write_bytes(b"x" * LARGE)
    (folder / "nginx.conf").write_text(
        f"""
        {programs.nginx_user()} worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log stderr error;
        events {{ worker_connections 4096; multi_accept on; }}
        http {{
          access_log off; keepalive_requests 100000000; tcp_nodelay on;
          client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
          open_file_cache max=16; client_max_body_size 64m; default_type application/json;
          server {{
            listen unix:{socket}; listen {address} backlog=1024;
            location = /size/{SMALL} {{ return 200 '{small}'; }}
            location = /size/{LARGE} {{ alias {folder}/large; }}
            location / {{ return 404; }}
          }}
        }}
        """
    )
    return [program, "-e", "stderr", "-c", str(folder / "nginx.conf")]
