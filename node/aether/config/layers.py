"""Layers of settings, later over earlier: defaults, file, environment, flags.

Knows names and types, from the dataclass that describes the settings, and where each value came
from; what values mean together is the dataclass's own business.
"""

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aether.config.guess import did_you_mean
from aether.config.places import Path as Keys
from aether.config.places import Place, find_places, place_of
from aether.config.toml import load_toml
from aether.errors import ConfigInvalid

PREFIX = "AETHER_"
NOT_SETTINGS = frozenset({"AETHER_CONFIG", "AETHER_ENDPOINT"})
"""Variables of other commands, and the one that names the file."""
MAX_FILE_BYTES = 1024 * 1024


class Layers:
    """Collects the values of one settings class, and every problem on the way.

    A value that cannot be read is left out and its name is *spoiled*: no second problem of the
    same setting is worth reporting.
    """

    def __init__(self, kind: type, *, sections: Sequence[str], computed: Sequence[str]) -> None:
        self.values: dict[str, Any] = {}
        self.problems: list[str] = []
        self._spoiled: set[str] = set()
        self._sections = tuple(sections)
        self._kinds = _kinds_of(kind, computed)
        self._origins = dict.fromkeys(self._kinds, "default")

    @property
    def origins(self) -> Mapping[str, str]:
        """Where each value came from, by dotted name."""
        return dict(self._origins)

    def origin(self, name: str) -> str:
        """Return where the value of `name` came from."""
        return self._origins[name]

    def is_spoiled(self, name: str) -> bool:
        """Whether a value of `name` was given that could not be read."""
        return name in self._spoiled

    def section(self, name: str) -> dict[str, Any]:
        """Return the values given for one section; the empty name means the top."""
        prefix = f"{name}." if name else ""
        return {
            key.removeprefix(prefix): value
            for key, value in self.values.items()
            if key.startswith(prefix) and "." not in key.removeprefix(prefix)
        }

    def add_file(self, path: str | Path | None) -> None:
        """Lay the values of a TOML file over those present."""
        if path is None:
            return
        try:
            text = _read(Path(path))
            tables = load_toml(text, str(path))
        except ConfigInvalid as problem:
            self.problems += problem.problems
            return
        self._add_table(tables, (), str(path), find_places(text))

    def _add_table(
        self,
        table: Mapping[str, Any],
        above: tuple[str, ...],
        path: str,
        places: Mapping[Keys, Place],
    ) -> None:
        """Lay the values of one table of a file over those present, and of the sections in it."""
        for key, value in table.items():
            at = (*above, key)
            name = ".".join(at)
            if name in self._sections and isinstance(value, dict):
                self._add_table(value, at, path, places)
            else:
                self._set(name, value, _at(path, place_of(places, at)))

    def add_environment(self, environ: Mapping[str, str]) -> None:
        """Lay `AETHER_NAME` and `AETHER_SECTION__NAME` over the values present."""
        known = {variable(name): name for name in self._kinds}
        for name, text in sorted(environ.items()):
            if not name.startswith(PREFIX) or name in NOT_SETTINGS:
                continue
            if name in known:
                self._set(known[name], text, name)
            else:
                self.problems.append(f"{name}: unknown variable{did_you_mean(name, known)}")

    def add_flags(self, flags: Mapping[str, Any]) -> None:
        """Lay the flags that were given over the values present."""
        for name, value in flags.items():
            if value is None or name == "config":
                continue
            self._set(name, value, f"--{name.replace('.', '-').replace('_', '-')}")

    def _set(self, name: str, value: object, origin: str) -> None:
        kind = self._kinds.get(name)
        if kind is None:
            if name in self._sections:
                self.problems.append(f"{origin}: {name}: is a section: write [{name}]")
            else:
                guess = did_you_mean(name, self._kinds)
                self.problems.append(f"{origin}: {name}: unknown setting{guess}")
            return
        try:
            self.values[name] = _convert(kind, value)
        except ValueError as problem:
            self.problems.append(f"{origin}: {name}: {problem}")
            self._spoiled.add(name)
        else:
            self._spoiled.discard(name)
        self._origins[name] = origin


def variable(name: str) -> str:
    """Return the environment variable of a setting: `AETHER_CONTROL__PERIOD_S`."""
    return PREFIX + name.upper().replace(".", "__")


def _kinds_of(kind: type, computed: Sequence[str]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    found: dict[str, Any] = {}
    for item in dataclasses.fields(kind):
        inner = hints[item.name]
        if item.name in computed:
            continue
        if dataclasses.is_dataclass(inner):
            section = _kinds_of(typing.cast("type", inner), ())
            found.update({f"{item.name}.{name}": its for name, its in section.items()})
        else:
            found[item.name] = inner
    return found


def _at(path: str, place: Place) -> str:
    return f"{path}:{place[0]}:{place[1]}"


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise ConfigInvalid([f"{path}: is larger than {MAX_FILE_BYTES} bytes"])
        return content.decode()
    except OSError as problem:
        raise ConfigInvalid([f"{path}: cannot be read: {problem.strerror}"]) from problem
    except UnicodeDecodeError as problem:
        raise ConfigInvalid([f"{path}: is not UTF-8 at byte {problem.start}"]) from problem


def _convert(kind: Any, value: object) -> object:  # noqa: ANN401 - a type as get_type_hints gives it
    """Return `value` as `kind`; text is read, as variables and flags hold nothing else."""
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)[0]
        return _tables(inner, value) if dataclasses.is_dataclass(inner) else _strings(value)
    if typing.get_origin(kind) is Mapping:
        return _pairs(value)
    if kind is bool:
        return _boolean(value)
    if kind is int:
        return _integer(value)
    if kind is float:
        return _number(value)
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError(f"{value!r} is not text" if value != "" else "is empty")
    if "\0" in str(value):
        raise ValueError("holds a zero byte")
    return Path(value) if kind is Path else str(value)


def _boolean(value: object) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValueError(f"{value!r} is neither true nor false")


def _integer(value: object) -> int:
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError as problem:
            raise ValueError(f"{value!r} is not a whole number") from problem
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number")  # noqa: TRY004 - problems are collected as ValueErrors
    return value


def _number(value: object) -> float:
    try:
        if not isinstance(value, bool) and isinstance(value, str | int | float):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{value!r} is not a number")


def _strings(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError(f"{value!r} is not a list of texts")


def _tables(kind: Any, value: object) -> tuple[object, ...]:  # noqa: ANN401 - a dataclass
    """Return a list of tables as values of a dataclass; they can stand in a file only."""
    if not isinstance(value, list | tuple) or not all(isinstance(item, dict) for item in value):
        raise ValueError(f"{value!r} is not a list of tables, which only a file can hold")
    hints = typing.get_type_hints(kind)
    required = {
        each.name for each in dataclasses.fields(kind) if each.default is dataclasses.MISSING
    }
    made = []
    for number, item in enumerate(value, 1):
        unknown = sorted(set(item) - set(hints))
        missing = sorted(required - set(item))
        if unknown:
            raise ValueError(
                f"table {number}: unknown {unknown[0]}{did_you_mean(unknown[0], hints)}"
            )
        if missing:
            raise ValueError(f"table {number}: {missing[0]} is missing")
        made.append(kind(**{name: _convert(hints[name], inner) for name, inner in item.items()}))
    return tuple(made)


def _pairs(value: object) -> Mapping[str, str]:
    if isinstance(value, Mapping):
        if all(isinstance(item, str) for pair in value.items() for item in pair):
            return dict(value)
        raise ValueError(f"{value!r} holds something that is not text")
    pairs = [part.partition("=") for part in _strings(value)]
    if any(not equals or not name for name, equals, _ in pairs):
        raise ValueError(f"{value!r} is not a list of name=value")
    return {name: text for name, _, text in pairs}
