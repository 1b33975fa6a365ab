"""A router, what it sends requests to, and the rig both are made by; see router_rig."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.router_rig import Origin, Rig, RouterProcess, local, row


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    await made.close()


@pytest.fixture
async def echo(rig: Rig) -> Origin:
    return await rig.origin("a")


@pytest.fixture
async def router(rig: Rig, echo: Origin) -> RouterProcess:
    made = await rig.router()
    await made.use([row()], [local("node-1", echo)])
    return made
