"""Slice: the class an author derives from, and its settings."""

from collections.abc import Iterator, Mapping
from typing import Any


class Config(Mapping[str, Any]):
    """Settings of a slice, from the blueprint's `[config."group:name"]`; JSON values.

    >>> Config({"currency": "EUR"}).get("currency", "USD")
    'EUR'
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values = dict(values or {})

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - settings are JSON values
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        """Names only: a setting may be a secret."""
        return f"Config({', '.join(sorted(self._values))})"


class LiveConfig(Config):
    """The Config of a running slice: whoever holds it sees new settings at once."""

    def replace(self, values: Mapping[str, Any]) -> None:
        """Hold other settings from now on."""
        self._values = dict(values)


class Slice:
    """A unit of deployment: routes and callable methods, with a life between start and stop.

    The constructor names what the slice needs by type: `Kv`, `Config`, or protocols marked with
    `@remote`. `config` is set before the constructor runs.

    >>> class Hello(Slice):
    ...     async def start(self) -> None:
    ...         self.greeting = self.config.get("greeting", "Hello")
    """

    config: Config = Config()

    async def start(self) -> None:
        """Prepare to serve; at most 5 seconds."""

    async def configure(self, config: Config) -> None:
        """Act on settings changed while the slice serves; at most 5 seconds.

        `self.config` shows them already. Not called at the start. What this raises is logged and shown
        in the instance's status; the slice serves on with the new settings in `config`.
        """

    async def stop(self) -> None:
        """Let go of what `start` took, after the last request; at most 5 seconds."""
