"""What a slice is given as its config: the blueprint's settings, and those changed at run time over them."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from aether.core.model.ids import SliceBase
from aether.core.model.records import ConfigRecord

Overrides = Mapping[tuple[str, str], ConfigRecord]
"""Settings changed at run time, by (scope, name), as `ClusterView.config` has them."""

SCOPE = "slice/"
NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
"""Names of a slice's settings that can be changed at run time."""
OF_AETHER = ("scaling.",)
"""How names of settings begin that Aether itself goes by for a slice; slices are not told of them."""


def is_of_aether(name: str) -> bool:
    """Whether a setting in the scope of a slice is Aether's own."""
    return name.startswith(OF_AETHER)


def changed_settings(overrides: Overrides) -> Mapping[SliceBase, Mapping[str, Any]]:
    """Return what was changed at run time, by slice; a name that cannot be one is passed over."""
    found: dict[SliceBase, dict[str, Any]] = {}
    for scope, name in sorted(overrides):
        if scope.startswith(SCOPE) and NAME.fullmatch(name) and not is_of_aether(name):
            base = SliceBase(scope.removeprefix(SCOPE))
            found.setdefault(base, {})[name] = overrides[scope, name].value
    return found


def slice_settings(config: Mapping[str, Any], changed: Mapping[str, Any]) -> bytes:
    """Return a slice's settings as JSON: the blueprint's, each replaced whole by one changed since.

    Equal settings give equal bytes.
    """
    return msgspec.json.encode({**config, **changed}, order="deterministic")


def are_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two settings are the same to a slice, to which 1, 1.0 and true are different values."""
    if one != other:
        return False
    return not one or slice_settings(one, {}) == slice_settings(other, {})


def settings_digest(settings: bytes) -> str:
    """Return what tells one host's settings from another's."""
    return hashlib.sha256(settings).hexdigest()
