import pickle
from pathlib import Path
from typing import Any

import pytest
from pysyncobj import pickle as library_pickle

from aether.store.pysyncobj.commands import (
    ForeignCommand,
    LogCommand,
    Membership,
    NoOp,
    Regular,
    from_local,
    to_local,
    to_text,
)
from aether.store.pysyncobj.members import Voter

VOTER = "node-4@127.0.0.1:6104"


@pytest.mark.parametrize(
    "command",
    [
        NoOp(),
        Regular(b""),
        Regular(bytes(range(256))),
        Membership("add", VOTER),
        Membership("rem", VOTER),
    ],
)
def test_commands_round_trip_through_the_local_form(command: LogCommand) -> None:
    assert from_local(to_local(command)) == command


def test_the_local_form_has_the_bytes_the_library_makes() -> None:
    data = bytes(range(256))
    assert to_local(Regular(data)) == b"\x00" + library_pickle.dumps((0, (to_text(data),)))
    voter = Voter(VOTER)
    made = b"\x02" + library_pickle.dumps(["add", voter.id, voter])
    assert to_local(Membership("add", VOTER)) == made


def test_a_regular_command_names_no_global() -> None:
    assert b"c" not in to_local(Regular(b"abd" * 20)).replace(b"abd", b"")


class Touch:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def test_nothing_that_is_not_ours_is_read(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    foreign = [
        b"",
        b"\x01\x00",
        b"\x03" + pickle.dumps(1),
        b"\x00",
        b"\x00" + pickle.dumps(Touch(marker)),
        b"\x02" + pickle.dumps(Touch(marker)),
        b"\x02" + pickle.dumps(["add", VOTER, Touch(marker)]),
        b"\x02" + pickle.dumps(["add", VOTER]),
        b"\x02" + pickle.dumps(["drop", VOTER, Voter(VOTER)]),
        b"\x00" + pickle.dumps((1, ("text",))),
        b"\x00" + pickle.dumps((0, ("text", "more"))),
        b"\x00" + pickle.dumps((0, ("text",), {"callback": 1})),
        b"\x00" + pickle.dumps((0, (print,))),
        b"\x00" + pickle.dumps((0, (b"bytes",)), 2),
        b"\x00" + pickle.dumps(0),
        b"\x00\x80\x02.",
    ]
    for command in foreign:
        with pytest.raises(ForeignCommand):
            from_local(command)
    assert not marker.exists()


def test_a_voter_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not a voter"):
        to_local(Membership("add", "nonsense"))
