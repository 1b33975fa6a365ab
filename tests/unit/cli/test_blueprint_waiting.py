"""What is said while a blueprint is watched, and how looking on is suggested."""

from aether.cli.blueprint_waiting import watch_on


def test_the_command_to_look_on_names_the_blueprint_without_its_version() -> None:
    assert watch_on("g:app:1.0.0") == watch_on("g:app") == "aether blueprint status g:app"
