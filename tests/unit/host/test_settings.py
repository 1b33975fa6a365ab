"""The settings a host was given."""

import pytest

from aether.core.model.slice_settings import settings_digest
from aether.host.settings import MAX_PROBLEM_CHARS, HostSettings


def test_whoever_holds_the_config_sees_other_settings() -> None:
    settings = HostSettings.read(b'{"currency": "EUR"}')
    held = settings.config
    settings.note_failure(ValueError("no such currency"))
    assert settings.problem == "configure failed: ValueError: no such currency"
    settings.replace(b'{"limit": 3}')
    assert dict(held) == {"limit": 3}
    assert settings.digest == settings_digest(b'{"limit": 3}')
    assert settings.problem == ""


def test_an_account_of_a_failure_is_bounded() -> None:
    settings = HostSettings.read(b"{}")
    settings.note_failure(ValueError("x" * 10_000))
    assert len(settings.problem) == MAX_PROBLEM_CHARS


@pytest.mark.parametrize("broken", [b"[]", b"{", b"1", b"null", b"\xff"])
def test_what_is_no_object_changes_nothing(broken: bytes) -> None:
    settings = HostSettings.read(b'{"limit": 3}')
    with pytest.raises(ValueError, match=r"settings are not a JSON object|utf-8"):
        settings.replace(broken)
    assert dict(settings.config) == {"limit": 3}
    with pytest.raises(ValueError, match=r"settings are not a JSON object|utf-8"):
        HostSettings.read(broken)
