"""The launcher: forks hosts, relays steps to them, reports their ends, ends them on request.

Rules for this file: it runs between forks, so no thread, no event loop, no waiting but in
`Links.turn`; every question of a node has a deadline and exactly one answer.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator

import structlog

from aether.core.model.ids import InstanceId
from aether.core.model.lifecycle import STEP_TIMEOUT_S, Desired
from aether.core.model.records import Manifest, from_plain, to_plain
from aether.core.model.route_policy import read_routes
from aether.host.channel import Channel
from aether.host.fork import fork_host
from aether.host.hostlog import bound_log, tail
from aether.host.hosts import HostProcess, Message, Question
from aether.host.links import Links
from aether.host.paths import HostPaths
from aether.host.pidfile import read_note, read_pid, write_pid
from aether.host.slice_logs import heed_as_launcher
from aether.logs.orders import FILE, OrdersFile
from aether.ports import HostSpec

KILL_AFTER_S = 5.0
"""From SIGTERM to SIGKILL of the whole tree."""
PROBE_S = 30.0
STATUS_S = 0.5
STEP_MARGIN_S = 7.0
"""A step may take its own time-out and once `start` or `stop` beyond it."""
CONFIGURE_S = 30.0
"""New settings wait for the step under way."""
LOG_CHECK_S = 1.0
MAX_HOSTS = 512
MAX_PROBES = 4

log = structlog.get_logger()


class Launcher:
    """All hosts of one data directory."""

    def __init__(self, paths: HostPaths) -> None:
        self._paths = paths
        self._hosts: dict[int, HostProcess] = {}
        self._of_channel: dict[Channel, HostProcess] = {}
        self._nodes: set[Channel] = set()
        self._rolls: list[tuple[Question, set[int]]] = []
        self._last_step = 0
        self._is_ending = False
        self._shutdowns: list[tuple[Channel, int]] = []
        self._next_log_check = 0.0
        self._log_orders = OrdersFile(paths.run / FILE)
        self._links = Links(self._on_message, self._on_closed, self._on_exit)

    def run(self) -> None:
        """Serve until told to shut down and the last host has gone."""
        self._log_orders.heed(heed_as_launcher)
        self._adopt_silent()
        self._links.listen(self._paths.launcher_socket)
        signal.set_wakeup_fd(self._links.wake_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: self.shut_down())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        while not (self._is_ending and not self._hosts):
            now = time.monotonic()
            self._links.turn(min(self._deadlines(), default=now + LOG_CHECK_S) - now)
            self._on_time(time.monotonic())
        for channel, number in self._shutdowns:
            self._links.send(channel, {"id": number, "ok": True})
        self._paths.launcher_socket.unlink(missing_ok=True)

    def shut_down(self) -> None:
        """End every host, then this process."""
        self._is_ending = True
        for host in self._hosts.values():
            self._end(host)

    # messages

    def _on_message(self, channel: Channel, message: Message) -> None:
        if channel in self._of_channel:
            self._on_answer(self._of_channel[channel], message)
        elif message.get("op") == "host":
            self._on_hello(channel, message)
        else:
            self._on_question(channel, message)

    def _on_question(self, channel: Channel, message: Message) -> None:
        self._nodes.add(channel)
        number, op = message.get("id"), message.get("op")
        if not isinstance(number, int):
            self._links.close(channel)
            return
        try:
            self._ask(channel, number, str(op), message)
        except (KeyError, TypeError, ValueError) as problem:
            self._fail(
                Question(channel, number, str(op), 0), "fatal", f"bad {op} request: {problem}"
            )

    def _ask(self, channel: Channel, number: int, op: str, message: Message) -> None:
        def question(timeout_s: float) -> Question:
            return Question(channel, number, op, time.monotonic() + timeout_s)

        match op:
            case "probe":
                self._probe(question(PROBE_S), message)
            case "load":
                self._load(question(STEP_TIMEOUT_S[Desired.LOAD]), message)
            case "activate" | "deactivate" | "configure":
                limit_s, fields = _step_fields(op, message)
                self._step(question(limit_s), message, fields)
            case "unload":
                self._unload(question(2 * KILL_AFTER_S), message)
            case "hosts":
                self._roll_call(question(STATUS_S))
            case "shutdown":
                self._shutdowns.append((channel, number))
                self.shut_down()
            case _:
                raise ValueError(f"there is no op {op!r}")

    def _answer(self, question: Question, message: Message) -> None:
        self._links.send(question.node, {"id": question.number, "ok": True, **message})

    def _fail(self, question: Question, kind: str, message: str, trace: str = "") -> None:
        answer = {"id": question.number, "ok": False, "kind": kind, "message": message}
        self._links.send(question.node, answer | {"trace": trace})

    # what nodes ask for

    def _probe(self, question: Question, message: Message) -> None:
        manifest = from_plain(message["manifest"], Manifest)
        if sum(host.is_probe for host in self._hosts.values()) >= MAX_PROBES:
            self._fail(question, "transient", f"{MAX_PROBES} probes run already: try again")
            return
        spec = HostSpec(
            instance=InstanceId.of(manifest.artifact, 0),
            generation=0,
            manifest=manifest,
            paths=tuple(str(path) for path in message["paths"]),
            token="",
        )
        self._fork(spec, question, is_probe=True)

    def _load(self, question: Question, message: Message) -> None:
        spec = from_plain(message["spec"], HostSpec)
        host = self._find(spec.instance)
        if host is None:
            self._fork(spec, question, is_probe=False)
        elif host.is_expected_to_end or (host.paths, host.generation) != (
            spec.paths,
            spec.generation,
        ):
            self._fail(
                question, "transient", f"{spec.instance} has a host already: unload it first"
            )
        elif host.state == "starting":
            host.loading.append(question)
        else:
            self._answer(question, {"host": to_plain(host.status())})

    def _fork(self, spec: HostSpec, question: Question, *, is_probe: bool) -> None:
        if self._is_ending or len(self._hosts) >= MAX_HOSTS:
            self._fail(question, "transient", f"no more hosts: ending, or {MAX_HOSTS} run already")
            return
        self._last_step += 1
        log_path = (
            self._paths.probe_log(self._last_step)
            if is_probe
            else self._paths.host_log(spec.instance)
        )
        pid = fork_host(spec, self._paths, log_path, probe=is_probe)
        host = HostProcess(spec.instance, pid, os.pidfd_open(pid), is_child=True, is_probe=is_probe)
        host.generation, host.token, host.paths = spec.generation, spec.token, spec.paths
        host.log_path = log_path
        host.socket = str(self._paths.host_socket(spec.instance))
        host.loading.append(question)
        self._keep(host)
        if not is_probe:
            write_pid(self._paths.host_pid(spec.instance), pid, spec.instance)

    def _step(self, question: Question, message: Message, fields: Message) -> None:
        instance = InstanceId(message["instance"])
        host = self._find(instance)
        if host is None or host.channel is None or host.is_expected_to_end:
            what = "no host" if host is None else "no host that listens"
            self._fail(question, "transient", f"{instance} has {what} on this node")
            return
        if question.op == "deactivate":
            host.state = "stopping"
        self._send_step(host, question, fields)

    def _send_step(self, host: HostProcess, question: Question, fields: Message) -> int:
        self._last_step += 1
        host.steps[self._last_step] = question
        if host.channel is not None:
            self._links.send(host.channel, {"id": self._last_step, "op": question.op, **fields})
        return self._last_step

    def _unload(self, question: Question, message: Message) -> None:
        host = self._find(InstanceId(message["instance"]))
        if host is None:
            self._answer(question, {})
            return
        host.leaving.append(question)
        self._end(host)

    def _roll_call(self, question: Question) -> None:
        """Ask every active host how busy it is; those that do not answer count as last heard."""
        asked: set[int] = set()
        for host in list(self._hosts.values()):
            if host.state == "active" and host.channel is not None:
                status = Question(question.node, question.number, "status", question.deadline)
                asked.add(self._send_step(host, status, {}))
        self._rolls.append((question, asked))
        self._answer_rolls(time.monotonic())

    def _answer_rolls(self, now: float) -> None:
        open_steps = {number for host in self._hosts.values() for number in host.steps}
        for roll in list(self._rolls):
            question, asked = roll
            if not asked & open_steps or question.deadline <= now:
                self._rolls.remove(roll)
                hosts = [host.status() for host in self._hosts.values() if not host.is_probe]
                hosts.sort(key=lambda status: status.instance)
                self._answer(question, {"hosts": to_plain(hosts)})

    # what hosts say

    def _on_hello(self, channel: Channel, message: Message) -> None:
        pid = channel.peer_pid()
        try:
            host = self._hosts.get(pid) or self._adopt(pid, InstanceId(message["instance"]))
            self._learn(host, message)
        except (KeyError, TypeError, ValueError, ProcessLookupError) as problem:
            log.warning("not a host", pid=pid, why=str(problem))
            self._links.close(channel)
            return
        host.channel = channel
        self._of_channel[channel] = host
        loading, host.loading = host.loading, []
        for question in loading:
            self._answer_load(host, question, message)
        if host.state in ("failed", "probed"):
            host.is_expected_to_end = True
            host.kill_at = time.monotonic() + KILL_AFTER_S
            self._links.close(channel)
        elif self._is_ending:
            self._end(host)

    def _answer_load(self, host: HostProcess, question: Question, message: Message) -> None:
        if host.state == "failed":
            kind, text = str(message.get("kind")), str(message.get("message"))
            self._fail(question, kind, text, str(message.get("trace", "")))
        elif host.is_probe:
            found = {"routes": to_plain(host.routes), "methods": list(host.methods)}
            self._answer(question, found | {"artifact_kind": message.get("artifact_kind")})
        else:
            self._answer(question, {"host": to_plain(host.status())})

    def _learn(self, host: HostProcess, message: Message) -> None:
        if self._find(host.instance) not in (host, None) and not host.is_probe:
            os.kill(host.pid, signal.SIGKILL)
            raise ValueError(f"{host.instance} has another host already")
        host.state = str(message["state"])
        host.generation = int(message["generation"])
        host.token = str(message["token"])
        host.paths = tuple(message["paths"])
        host.in_flight = int(message.get("in_flight", 0))
        host.note_settings(message)
        host.routes = read_routes(message.get("routes", ()))
        host.methods = tuple(message.get("methods", ()))

    def _on_answer(self, host: HostProcess, message: Message) -> None:
        question = host.steps.pop(message.get("id", -1), None)
        host.state = str(message.get("state", host.state))
        host.in_flight = int(message.get("in_flight", 0))
        host.note_settings(message)
        if question is None or question.op == "status":
            self._answer_rolls(time.monotonic())
        elif message.get("ok"):
            self._answer(question, {"host": to_plain(host.status())})
        else:
            kind, text = str(message.get("kind")), str(message.get("message"))
            self._fail(question, kind, text, str(message.get("trace", "")))

    def _on_closed(self, channel: Channel) -> None:
        self._nodes.discard(channel)
        host = self._of_channel.pop(channel, None)
        if host is not None and host.channel is channel:
            host.channel = None

    # adoption and ends

    def _adopt_silent(self) -> None:
        """Watch hosts of an earlier launcher even before they say hello again."""
        for pid_file in self._paths.run.glob("i-*.pid"):
            pid, note = read_pid(pid_file), read_note(pid_file)
            with contextlib.suppress(ValueError, ProcessLookupError):
                if pid is not None:
                    self._adopt(pid, InstanceId(note))
                    continue
            pid_file.unlink(missing_ok=True)
            pid_file.with_suffix(".sock").unlink(missing_ok=True)

    def _adopt(self, pid: int, instance: InstanceId) -> HostProcess:
        host = HostProcess(instance, pid, os.pidfd_open(pid), is_child=False)
        host.socket = str(self._paths.host_socket(instance))
        host.log_path = self._paths.host_log(instance)
        self._keep(host)
        log.info("adopted", instance=instance, pid=pid)
        return host

    def _keep(self, host: HostProcess) -> None:
        self._hosts[host.pid] = host
        self._links.watch_exit(host)

    def _find(self, instance: InstanceId) -> HostProcess | None:
        for host in self._hosts.values():
            if host.instance == instance and not host.is_probe:
                return host
        return None

    def _end(self, host: HostProcess) -> None:
        """Ask a host to end; its whole tree is killed when it does not."""
        host.is_expected_to_end = True
        if host.kill_at is None:
            host.state = "stopping"
            host.kill_at = time.monotonic() + KILL_AFTER_S
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(host.pidfd, signal.SIGTERM)

    def _on_exit(self, host: HostProcess) -> None:
        detail = self._reap(host)
        self._links.forget_exit(host)
        os.close(host.pidfd)
        del self._hosts[host.pid]
        if host.channel is not None:
            self._links.close(host.channel)
        is_fatal = detail.startswith("exit code")
        for question in (*host.loading, *host.steps.values()):
            if question.op != "status":
                kind = "fatal" if is_fatal and question in host.loading else "transient"
                self._fail(question, kind, f"{host.instance}: its host ended: {detail}")
        for question in host.leaving:
            self._answer(question, {})
        if not (host.is_probe or host.state == "failed"):
            self._announce(host, detail)
        self._clean_up(host)
        self._answer_rolls(time.monotonic())

    def _reap(self, host: HostProcess) -> str:
        """Kill what is left of the host's process group and say how the host ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(host.pid, signal.SIGKILL)  # its group exists while its leader is not reaped
        how = "gone"
        if host.is_child:
            _, status = os.waitpid(host.pid, 0)
            code = os.waitstatus_to_exitcode(status)
            how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        last_lines = tail(host.log_path) if host.log_path is not None else ""
        return f"{how}\n{last_lines}".strip()

    def _announce(self, host: HostProcess, detail: str) -> None:
        log.info("host ended", instance=host.instance, pid=host.pid, how=detail.partition("\n")[0])
        event = {
            "event": "exited",
            "instance": host.instance,
            "pid": host.pid,
            "expected": host.is_expected_to_end,
            "detail": detail,
        }
        for node in list(self._nodes):
            self._links.send(node, event)

    def _clean_up(self, host: HostProcess) -> None:
        if host.is_probe:
            if host.log_path is not None:
                host.log_path.unlink(missing_ok=True)
            return
        self._paths.host_pid(host.instance).unlink(missing_ok=True)
        self._paths.host_socket(host.instance).unlink(missing_ok=True)

    # time

    def _deadlines(self) -> Iterator[float]:
        yield self._next_log_check
        for host in self._hosts.values():
            yield from host.deadlines()
        for question, _ in self._rolls:
            yield question.deadline

    def _on_time(self, now: float) -> None:
        for host in list(self._hosts.values()):
            self._on_overdue(host, now)
        self._answer_rolls(now)
        if now >= self._next_log_check:
            self._next_log_check = now + LOG_CHECK_S
            self._log_orders.heed(heed_as_launcher)
            for host in self._hosts.values():
                if host.log_path is not None:
                    bound_log(host.log_path)

    def _on_overdue(self, host: HostProcess, now: float) -> None:
        if host.kill_at is not None and host.kill_at <= now:
            host.kill_at = now + KILL_AFTER_S
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(host.pid, signal.SIGKILL)
        for question in [item for item in host.loading if item.deadline <= now]:
            host.loading.remove(question)
            self._fail(question, "transient", f"{host.instance} did not finish importing in time")
            self._end(host)
        for number, question in list(host.steps.items()):
            if question.deadline <= now:
                del host.steps[number]
                if question.op != "status":
                    text = f"{host.instance} did not answer {question.op} in time"
                    self._fail(question, "transient", text)


def _step_fields(op: str, message: Message) -> tuple[float, Message]:
    """Return how long a step may take, in seconds, and what its host is told."""
    if op == "configure":
        return CONFIGURE_S, {"config": str(message["config"])}
    name = "timeout_s" if op == "activate" else "drain_s"
    limit_s = float(message[name])
    return limit_s + STEP_MARGIN_S, {name: limit_s}
