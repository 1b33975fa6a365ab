"""What an exchange needs of a client connection, and that the one there is has it."""

from typing import Any, cast

from aether.dataplane.asker import Asker
from aether.dataplane.downstream import ClientConnection
from aether.dataplane.routing import Listener
from tests.unit.dataplane.fakes import Asker as PlayedAsker
from tests.unit.dataplane.play import Play, endpoint


def test_a_client_connection_and_the_one_of_tests_are_askers() -> None:
    real: Asker = ClientConnection(Play(endpoint(0)).context, Listener.PUBLIC)
    played: Asker = PlayedAsker()
    needed = [name for name in vars(Asker) if not name.startswith("_")]
    assert {"write", "finish", "switch", "abort"} <= set(needed)
    for asker in (real, played):
        assert all(hasattr(cast("Any", asker), name) for name in (*needed, "deadline"))
