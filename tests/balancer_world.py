"""A router's balancer in virtual time: clients, instances that fail, are slow and come back."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aether.core.dataplane.balance import Balancer, Choice, Outcome, Refusal
from aether.core.dataplane.retry_budget import RetryBudget
from aether.core.dataplane.rows import Endpoint, SlicePolicy
from aether.core.model.ids import InstanceId, NodeId, SliceBase

BASE = SliceBase("a:b")
SERVICE_S = 0.01
CONNECT_S = 0.0002
"""What it takes to hear that nobody listens."""


@dataclass
class Host:
    """One instance: `service_s` a request, `is_dead` refuses, `is_ill` answers 500 at once."""

    endpoint: Endpoint
    service_s: float = SERVICE_S
    is_dead: bool = False
    is_ill: bool = False


@dataclass
class Request:
    """One request of a client, over all its attempts."""

    began: float
    tried: set[InstanceId] = field(default_factory=set)


@dataclass
class Done:
    """A request as its client saw it."""

    began: float
    ended: float
    status: int
    instance: InstanceId | None = None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


class World:
    """Clients in a closed loop, or arrivals at a rate, in front of one balancer."""

    def __init__(
        self, hosts: int, *, balance: str = "round_robin", concurrency: int = 0, seed: int = 0
    ) -> None:
        self.dice = random.Random(f"{seed}/service")
        self.hosts = [
            Host(
                Endpoint(
                    instance=InstanceId(f"{BASE}:1.0.0/{number}"),
                    slice=BASE,
                    node=NodeId("n"),
                    socket=f"/{number}",
                )
            )
            for number in range(hosts)
        ]
        self.by_instance = {host.endpoint.instance: host for host in self.hosts}
        self.policy = SlicePolicy(slice=BASE, balance=balance, concurrency=concurrency)
        self.balancer, self.budget = Balancer(seed=seed), RetryBudget()
        self.now = 0.0
        self.done: list[Done] = []
        self.attempts: list[tuple[float, InstanceId]] = []
        self.ejections: Counter[InstanceId] = Counter()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0
        self._clients_go_on = False
        self.use(*self.hosts)

    def use(self, *hosts: Host) -> None:
        """Give the balancer a table of these hosts."""
        endpoints = tuple(host.endpoint for host in hosts)
        self.choice = Choice(BASE, endpoints)
        self.balancer.configure([self.policy], endpoints, self.now)

    def at(self, moment: float, act: Callable[[], None]) -> None:
        """Do something later."""
        self._serial += 1
        heapq.heappush(self._events, (moment, self._serial, act))

    def change(self, moment: float, host: Host, **to: Any) -> None:
        """Change what a host is like, later."""
        self.at(moment, lambda: vars(host).update(to))

    def clients(self, count: int, until: float) -> None:
        """Let clients ask one request after the other until a moment."""

        def again() -> None:
            if self.now < until:
                self.ask(again)

        for _ in range(count):
            self.at(self.now, again)

    def arrivals(self, per_s: float, until: float) -> None:
        """Let requests come at random at a rate, whatever becomes of them."""

        def come() -> None:
            self.ask(lambda: None)
            later = self.now + self.dice.expovariate(per_s)
            if later < until:
                self.at(later, come)

        self.at(self.now, come)

    def run(self) -> None:
        """Let everything happen."""
        while self._events:
            self.now, _, act = heapq.heappop(self._events)
            act()

    def ask(self, then: Callable[[], None]) -> None:
        """Begin one request; `then` follows its end."""
        self.budget.request(self.now)
        self._try(Request(self.now), then)

    def _try(self, request: Request, then: Callable[[], None]) -> None:
        picked = self.balancer.pick(self.choice, request.tried, self.now)
        if picked is None or isinstance(picked, Refusal):
            self.done.append(Done(request.began, self.now, 503 if picked else 502))
            self.at(self.now + SERVICE_S, then)
            return
        host, began = self.by_instance[picked.instance], self.now
        self.balancer.started(picked)
        self.attempts.append((began, picked.instance))
        takes = self.dice.expovariate(1 / host.service_s)
        if host.is_dead or host.is_ill:
            takes = CONNECT_S
        dies = host.is_dead
        self.at(began + takes, lambda: self._end(request, picked, began, dies, then))

    def _end(
        self, request: Request, picked: Endpoint, began: float, dies: bool, then: Callable[[], None]
    ) -> None:
        host = self.by_instance[picked.instance]
        failed = dies or host.is_dead
        outcome = Outcome.FAILED if failed else Outcome.ERROR if host.is_ill else Outcome.OK
        if self.balancer.ended(picked, outcome, self.now - began, self.now) is not None:
            self.ejections[picked.instance] += 1
        if failed and self.budget.may_retry(self.now):
            request.tried.add(picked.instance)
            self._try(request, then)
            return
        status = 502 if failed else 500 if host.is_ill else 200
        self.done.append(Done(request.began, self.now, status, picked.instance))
        then()

    # -- what became of it

    def answered_by(self, host: Host, begin: float, end: float) -> float:
        """Part of the requests that began in a stretch which a host answered."""
        stretch = [each for each in self.done if begin <= each.began < end]
        mine = sum(1 for each in stretch if each.instance == host.endpoint.instance)
        return mine / len(stretch)

    def attempts_at(self, host: Host, begin: float, end: float) -> int:
        """How often a host was tried in a stretch."""
        name = host.endpoint.instance
        return sum(1 for moment, each in self.attempts if each == name and begin <= moment < end)

    def slowest(self, part: float, begin: float, end: float) -> float:
        """Seconds within which `part` of the requests of a stretch ended."""
        times = sorted(each.seconds for each in self.done if begin <= each.began < end)
        return times[int(part * (len(times) - 1))]

    def counts(self) -> Counter[int]:
        """How many requests ended with each status."""
        return Counter(each.status for each in self.done)
