"""Alerts that fire by causes no cluster of processes is needed for: files, records, a provider, a webhook.

The others are in e2e/test_alerts.py; a test of the thresholds says that none is left out.
"""

import datetime
from dataclasses import replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aether.api.service import Api
from aether.config.node import ProviderConfig
from aether.control.member_facts import NODES_S
from aether.control.providing import Providing
from aether.core.control.signals import ControlSettings
from aether.core.model import keys
from aether.core.model.alert_records import WebhookRecord
from aether.core.model.ids import NodeId
from aether.core.model.provision_records import ProvisionRecord
from aether.core.model.records import encode
from aether.node.provider import HttpNodeProvider
from tests.alert_world import AlertWorld, SelfLink, alert_world
from tests.api_world import NODE
from tests.cli_world import Answer, FakeApi, problem


def certificate(path: Path, days: float) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node-1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=400))
        .not_valid_after(now + datetime.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))


async def test_a_certificate_that_ends_soon(tmp_path: Path) -> None:
    file = tmp_path / "node.pem"
    async with alert_world() as world:
        world.api.now_s = datetime.datetime.now(datetime.UTC).timestamp()
        context = replace(world.serving, certificates=(str(file),))
        world.facts.link = SelfLink(Api(context))
        seen = []
        for days in (30, 10, 2, 90):
            certificate(file, days)
            await world.look(NODES_S)
            seen.append(world.active().get(("node.certificate", NODE)))
        assert seen == [None, "warning", "critical", None]
        file.unlink()  # what cannot be shown has ended
        await world.look(NODES_S)
        assert world.active()["node.certificate", NODE] == "critical"


async def test_a_record_nobody_can_read() -> None:
    async with alert_world() as world:
        await world.api.put({"target/org.example:shop": b'{"version": 7}'})
        await world.look(6)
        assert world.active() == {("cluster.unreadable", ""): "warning"}
        await world.delete("target/org.example:shop")
        await world.look(2)
        assert world.active() == {}


async def test_a_provider_that_starts_nothing() -> None:
    api = FakeApi()
    api.on("POST", "nodes", *[problem(503, "no machine is free")] * 3, Answer(202))
    settings = ControlSettings(has_provider=True)
    config = ProviderConfig(url=f"{api.url}/api/v1/nodes")
    wanted, missing = NodeId("node-4"), ("node.provision", "node-4")
    try:
        async with alert_world() as world:
            provider = HttpNodeProvider(config, "c-1", list)
            providing = Providing(NODE, world.api.store, provider, world.clock, settings)
            await world.api.put({keys.provision(wanted): encode(ProvisionRecord(node=wanted))})
            seen = []
            for _ in range(40):
                await providing.look()
                await world.look()
                seen.append(world.active().get(missing))
            assert list(dict.fromkeys(seen)) == ["warning", "critical"]
            await world.delete(keys.provision(wanted))  # as the leader does once it is on duty
            await world.look(11)
            assert missing not in world.active()
    finally:
        api.close()
    assert len(api.asked) == 4


async def test_a_webhook_nobody_takes() -> None:
    api = FakeApi()
    api.on("POST", "hook", *[problem(500, "down")] * 5, Answer(200))
    failing = ("webhook.failing", "w")
    try:
        async with alert_world() as world:
            await world.api.record()
            hook = WebhookRecord(
                url=f"{api.url}/api/v1/hook", types=("TOPOLOGY_CHANGED",), from_event="1"
            )
            await world.api.put({"webhook/w": encode(hook)})
            await world.api.put({"topology": b'{"nodes": 3, "max_nodes": 5}'})
            await world.api.told()
            seen = []
            for _ in range(100):
                world.webhooks.look(world.tasks)
                await world.webhooks_rest()
                await world.look()
                seen.append(world.active().get(failing))
            assert list(dict.fromkeys(seen)) == [None, "warning"]
            assert seen[-1] is None
            assert len(api.asked) == 6
            assert {ask.headers["aether-event-id"] for ask in api.asked} == {
                api.asked[0].headers["aether-event-id"]
            }
    finally:
        api.close()


async def test_every_node_is_asked_how_it_is_and_its_silence_is_no_answer() -> None:
    async with alert_world() as world:
        await world.look()
        values = world.facts.values()
        assert values["node.condition", NODE] == 0.0
        # The world's other members answer their leader, but not for themselves.
        assert ("node.condition", "node-2") not in values
        assert values["member.lag", "node-2"] == 20.0
        assert values["cluster.quorum", ""] == 0.0
        world.api.group.silent_s[NodeId("node-2")] = 6.0
        await world.look(4)
        assert world.active() == {
            ("member.silent", "node-2"): "warning",
            ("cluster.quorum", ""): "critical",
        }
        world.api.group.silent_s[NodeId("node-2")] = 0.1
        await world.look(4)
        assert world.active() == {}


async def test_a_node_that_does_not_lead_raises_nothing() -> None:
    async with alert_world() as world:
        world.measured["node.disk"] = {NODE: 1.0}
        world.alerting.node = NodeId("node-2")
        await world.look(40)
        assert world.active() == {}


async def test_a_new_leader_goes_on_with_what_is_active() -> None:
    async with alert_world() as world:
        world.measured["node.disk"] = {NODE: 0.99}
        await world.look(31)
        (record,) = world.alerting.book().alerts.values()
        other = AlertWorld(world.api, world.clock)
        await world.lead(3)
        other.measured["node.disk"] = {NODE: 0.99}
        await other.look(40)
        assert list(world.alerting.book().alerts.values()) == [record]
        other.measured["node.disk"] = {NODE: 0.5}
        await other.look(31)
        assert other.active() == {}
