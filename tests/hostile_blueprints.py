"""Sixty blueprints nobody should write: each is refused in bounded time, or does no harm.

They assume a cluster that knows `OWN` and `RIVAL` (both answer GET /own), `LOOP_A` and `LOOP_B` (which
need each other), `ORPHAN` (which needs what is not pushed), and on which blueprint `VICTIM` owns `TAKEN`.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

VICTIM = "org.example:victim"
TAKEN = "org.example:taken:1.0.0"
OWN = "org.example:own:1.0.0"
RIVAL = "org.example:rival:1.0.0"
LOOP_A = "org.example:loop-a:1.0.0"
LOOP_B = "org.example:loop-b:1.0.0"
ORPHAN = "org.example:orphan:1.0.0"

Expected = Literal["malformed", "invalid", "too_large", "rejected", "conflict", "harmless"]
"""malformed: not TOML. invalid: told by the text alone. too_large: not even parsed. rejected: its artifacts
cannot run. conflict: others own what it wants. harmless: nothing to refuse, and cheap."""

KIB = 1024
LIMIT = 256 * KIB


class Hostile(NamedTuple):
    name: str
    text: str
    expected: Expected


def _own(lines: str = "", rest: str = "", ident: str = "org.example:evil:1.0.0") -> str:
    return f'id = "{ident}"\n[[slices]]\nartifact = "{OWN}"\n{lines}\n{rest}'


def _slices(names: Iterator[str] | list[str], lines: str = "") -> str:
    tables = "".join(f'[[slices]]\nartifact = "{name}"\n{lines}\n' for name in names)
    return f'id = "org.example:evil:1.0.0"\n{tables}'


def hostile_blueprints() -> Iterator[Hostile]:
    """Yield name, text and how it is refused."""
    for expected, cases in (
        ("malformed", _not_toml()),
        ("too_large", _too_large()),
        ("invalid", _wrong_values()),
        ("invalid", _bombs()),
        ("rejected", _cannot_run()),
        ("conflict", _thefts()),
        ("harmless", _harmless()),
    ):
        for name, text in cases.items():
            yield Hostile(name, text, expected)  # type: ignore[arg-type] # the tuple above is checked by the tests


def _not_toml() -> dict[str, str]:
    return {
        "empty value": "id = ",
        "binary": "\x00\x01\x02\x7f" * 1000,
        "duplicated key": _own("instances = 1\ninstances = 2"),
        "duplicated table": _own("", "[deployment]\n[deployment]\n"),
        "table over value": 'id = "a:b:1.0.0"\n[id.x]\n',
        "brackets without end": "a = " + "[" * 9_000,
        "deep arrays": "a = " + "[" * 900 + "]" * 900,
        "deep inline tables": "a = " + "{a=" * 500 + "1" + "}" * 500,
        "deep dotted key": ".".join("a" * 40_000) + " = 1",
        "deep header": f"[{'.'.join('a' * 5_000)}]",
        "number of 5,000 digits": _own(f"instances = {'9' * 5_000}"),
        "number of 200,000 digits": _own(f"instances = {'9' * 200_000}"),
        "string without end": 'id = "' + "x" * 200_000,
        "lone surrogate": 'id = "\\ud800"',
        "json instead": '{"id": "a:b:1.0.0", "slices": []}',
        "yaml instead": "id: a:b:1.0.0\nslices:\n  - artifact: &a [*a]\n",
        "bidirectional control in a key": 'id\u202e = "a:b:1.0.0"',
        "date of nowhere": _own("instances = 2024-02-30"),
    }


def _too_large() -> dict[str, str]:
    return {
        "one byte over": "#" * (LIMIT + 1),
        "megabytes of comment": "# \n" * (4 * LIMIT // 3),
        "as many elements as fit": f"a = [{'1,' * (LIMIT // 2 - 8)}]",
        "as many tables as fit": "\n".join(f"[k{number}]" for number in range(28_000)),
        "as many keys as fit": "\n".join(f"k{number}=1" for number in range(24_000)),
        "as many slices as fit": "[[slices]]\n" * (LIMIT // 11 - 10),
        "keys thirty deep, thousands of them": "\n".join(
            ".".join(["a"] * 30) + f".b{number} = 1" for number in range(3_500)
        ),
    }


def _wrong_values() -> dict[str, str]:
    return {
        "nothing": "",
        "a billion instances": _own("instances = 1000000000\nmax_instances = 1000000000"),
        "negative instances": _own("instances = -1"),
        "instances as text": _own('instances = "3"'),
        "instances true": _own("instances = true"),
        "instances nan": _own("instances = nan"),
        "instances as a date": _own("instances = 1979-05-27T07:32:00Z"),
        "slices as a table": 'id = "a:b:1.0.0"\n[slices]\nx = 1\n',
        "arrays of arrays for slices": 'id = "a:b:1.0.0"\nslices = [[[[]]], [], [1], [{}]]',
        "an id of 100,000 characters": _own(ident="a" * 100_000),
        "an id that climbs": _own(ident="../../etc:passwd:1.0.0"),
        "an id in look-alike letters": _own(ident="\u043erg.example:evil:1.0.0"),
        "an id with a line break": _own(ident="org.example:evil:1.0.0\\nx"),
        "an id in full-width digits": _own(ident="org.example:evil:\uff11.0.0"),
        "settings with dates and nan": _own(
            "", '[config."org.example:own"]\nwhen = 1979-05-27\nodd = [nan, inf, -inf]\n'
        ),
        "settings beyond 64 bits": _own(
            "", f'[config."org.example:own"]\nbig = 0x{"f" * 100_000}\n'
        ),
        "settings for a stranger": _own("", f'[config."{VICTIM}"]\nadmin = true\n'),
        "settings for __class__": _own("", '[config."__class__"]\n__init__ = 1\n'),
        "a time-out for ever": _own("timeout = inf"),
        "a time-out of many digits": _own(f'timeout = "{"9" * 5_000}h"'),
        "a shell in a label": _own('placement = { require = { disk = "$(reboot)" } }'),
        "a path for a secret": _own("", '[secrets."org.example:own"]\nK = "secret:../../key"\n'),
        "the same slice twice": _slices([OWN, OWN.replace("1.0.0", "2.0.0")]),
        "a canary nobody judges": _own("", '[deployment]\nstrategy = "canary"\n'),
    }


def _bombs() -> dict[str, str]:
    return {
        "thousands of unknown keys": "\n".join(f"instance{number}=1" for number in range(9_000)),
        "thousands of unknown settings": _slices(
            [f"org.example:own-{number}:1.0.0" for number in range(400)]
        )
        + "".join(f'[config."org.example:owm-{number}"]\n' for number in range(4_500)),
        "a key of 200,000 characters": f"{'k' * 200_000} = 1",
        "five hundred slices of a thousand": _slices(
            [f"org.example:own-{number}:1.0.0" for number in range(500)],
            "instances = 1000\nmax_instances = 1000",
        ),
        "keys thirty deep, many of them": "\n".join(
            ".".join(["a"] * 30) + f".b{number} = 1" for number in range(1_300)
        ),
    }


def _cannot_run() -> dict[str, str]:
    return {
        "five hundred artifacts nobody pushed": _slices(
            [f"org.example:own-{number}:1.0.0" for number in range(500)]
        ),
        "slices that need each other": _slices([LOOP_A, LOOP_B]),
        "half a circle, the rest added": _slices([LOOP_A]),
        "a slice that needs what is not there": _slices([ORPHAN]),
    }


def _thefts() -> dict[str, str]:
    return {
        "a slice of another blueprint": _slices([TAKEN]),
        "one route for two": _slices([OWN, RIVAL]),
    }


def _harmless() -> dict[str, str]:
    return {
        "a string as long as fits": _own(
            "", f'[config."org.example:own"]\nlong = "{"x" * 200_000}"\n'
        ),
        "escapes as many as fit": _own(
            "",
            f'[config."org.example:own"]\nlong = "{chr(92)}u0041{(chr(92) + "u0041") * 40_000}"\n',
        ),
        "a thousand instances": _own("instances = 1000\nmax_instances = 1000"),
    }
