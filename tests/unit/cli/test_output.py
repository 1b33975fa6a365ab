"""Data to standard output, talk to standard error."""

import json

import pytest

from aether.cli.failures import CliError
from aether.cli.output import Output, complain


def test_data_and_talk_go_their_own_ways(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.show({"a": 1}, ["line 1", "line 2"])
    output.say("talk\x1b[0m")
    assert capsys.readouterr() == ("line 1\nline 2\n", "talk\\x1b[0m\n")


def test_json_is_the_value_itself(capsys: pytest.CaptureFixture[str]) -> None:
    Output("json").show({"a": ["ä", None]}, ["not this"])
    out = capsys.readouterr().out
    assert json.loads(out) == {"a": ["ä", None]}
    assert "ä" in out


def test_quiet_leaves_data_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(quiet=True)
    output.say("talk")
    output.show(1, ["data"])
    complain(CliError("it failed", problems=["why"], remedy="do that"))
    assert capsys.readouterr() == ("data\n", "error: it failed\n  why\nhint: do that\n")
