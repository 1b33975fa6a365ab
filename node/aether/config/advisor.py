"""`[advisor]`: who outside may propose numbers of instances."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aether.config.urls import is_http_url

MIN_INTERVAL_S, MAX_INTERVAL_S = 1.0, 3600.0
MAX_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisorConfig:
    """`[advisor]`: an HTTP endpoint that may propose numbers of instances; the leader asks it."""

    url: str = ""
    """`http://…` or `https://…` that takes `POST` of the slices' figures; empty: nobody is asked."""
    token_file: str = ""
    """File with the bearer token sent along; read anew for each call."""
    interval_s: float = 30.0
    """Time between two calls, in seconds."""
    timeout_s: float = 5.0
    """Longest time one call may take, in seconds."""
    dry_run: bool = True
    """Whether proposals are only shown, as decisions of the actor `advisor`; nothing is done by them."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong: name and sentence."""
        if self.url and not is_http_url(self.url):
            yield "url", f"{self.url!r} is not a URL: expected http://host[:port]/path or https://…"
        if self.token_file and not Path(self.token_file).is_file():
            yield "token_file", f"{self.token_file} is not a file"
        if not MIN_INTERVAL_S <= self.interval_s <= MAX_INTERVAL_S:
            yield (
                "interval_s",
                f"{self.interval_s:g} s is not within {MIN_INTERVAL_S:g} and {MAX_INTERVAL_S:g} s",
            )
        if not 0 < self.timeout_s <= MAX_TIMEOUT_S:
            yield (
                "timeout_s",
                f"{self.timeout_s:g} s is not more than 0 and at most {MAX_TIMEOUT_S:g} s",
            )
