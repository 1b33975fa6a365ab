"""The hosts of a launcher as it knows them: what each is, and what it was asked."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aether.core.model.ids import InstanceId
from aether.core.model.records import Route
from aether.host.channel import Channel
from aether.ports import HostStatus


@dataclass(slots=True, eq=False)
class Question:
    """A request of a node that has not been answered; `deadline` on the monotonic clock."""

    node: Channel
    number: int
    op: str
    deadline: float


@dataclass(slots=True, eq=False)
class HostProcess:
    """One host process, forked here or adopted."""

    instance: InstanceId
    pid: int
    pidfd: int
    is_child: bool
    is_probe: bool = False
    generation: int = 0
    token: str = ""
    paths: tuple[str, ...] = ()
    state: str = "starting"
    socket: str = ""
    routes: tuple[Route, ...] = ()
    methods: tuple[str, ...] = ()
    in_flight: int = 0
    settings: str = ""
    settings_problem: str = ""
    channel: Channel | None = None
    loading: list[Question] = field(default_factory=list)
    """Who waits for this host to be loaded (or probed)."""
    steps: dict[int, Question] = field(default_factory=dict)
    """Steps sent to the host, by their number."""
    leaving: list[Question] = field(default_factory=list)
    """Who waits for this host to be gone."""
    is_expected_to_end: bool = False
    kill_at: float | None = None
    log_path: Path | None = None

    def status(self) -> HostStatus:
        """Return what nodes are told of this host."""
        return HostStatus(
            instance=self.instance,
            generation=self.generation,
            pid=self.pid,
            state=self.state,
            socket=self.socket,
            token=self.token,
            routes=self.routes,
            methods=self.methods,
            in_flight=self.in_flight,
            settings=self.settings,
            settings_problem=self.settings_problem,
        )

    def note_settings(self, message: "Message") -> None:
        """Remember which settings the host says it has, and what it made of them."""
        self.settings = str(message.get("settings", self.settings))
        self.settings_problem = str(message.get("settings_problem", self.settings_problem))

    def deadlines(self) -> list[float]:
        """Return every moment at which something about this host is due."""
        due = [question.deadline for question in (*self.loading, *self.steps.values())]
        if self.kill_at is not None:
            due.append(self.kill_at)
        return due


Message = dict[str, Any]
"""One frame, as plain values."""
