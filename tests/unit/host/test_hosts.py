import socket

from aether.core.model.ids import InstanceId
from aether.host.channel import Channel
from aether.host.hosts import HostProcess, Question


def test_a_host_is_told_of_as_it_is() -> None:
    instance = InstanceId("org.example:a:1.0.0/2")
    host = HostProcess(instance, pid=5, pidfd=-1, is_child=True, generation=3, token="t")
    status = host.status()
    assert (status.instance, status.pid, status.generation, status.state) == (
        instance,
        5,
        3,
        "starting",
    )
    assert host.deadlines() == []


def test_every_open_question_has_its_deadline() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    host = HostProcess(InstanceId("org.example:a:1.0.0/0"), pid=5, pidfd=-1, is_child=True)
    host.loading.append(Question(channel, 1, "load", 10.0))
    host.steps[1] = Question(channel, 2, "activate", 20.0)
    host.kill_at = 30.0
    assert sorted(host.deadlines()) == [10.0, 20.0, 30.0]
    channel.close()
    theirs.close()
