"""The router's command line."""

from pathlib import Path

import pytest

from aether.dataplane.process import main


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"--node-id": "Not_A_Node"}, "not a node id"),
        ({"--port": "70000"}, "not a port"),
        ({"--mesh-port": "x"}, "not a port"),
        ({"--data-dir": "/nowhere/at/all"}, "not a folder"),
        ({"--port": None}, "--node-id needs --port and --mesh-port"),
    ],
)
def test_bad_arguments_end_with_2_and_say_why(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str | None],
    problem: str,
) -> None:
    options: dict[str, str | None] = {
        "--node-id": "node-1",
        "--data-dir": str(tmp_path),
        "--port": "0",
        "--mesh-port": "0",
    }
    options.update(change)
    arguments = [text for item in options.items() if item[1] is not None for text in item]
    with pytest.raises(SystemExit) as ended:
        main([str(text) for text in arguments])
    assert ended.value.code == 2
    assert problem in capsys.readouterr().err
