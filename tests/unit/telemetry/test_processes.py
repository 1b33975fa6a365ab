import os
import subprocess
import sys

import pytest

from aether.telemetry.processes import (
    FDS_EVERY_S,
    HostProcess,
    ProcessSampler,
    count_fds,
    read_process,
)


def test_a_process_is_read_as_the_kernel_tells_it() -> None:
    before = read_process(os.getpid())
    assert before is not None
    assert before.rss > 1_000_000
    assert before.threads >= 1
    until = before.cpu_s + 0.1
    while (now := read_process(os.getpid())) is not None and now.cpu_s < until:
        sum(range(10_000))
    assert now is not None
    assert now.started == before.started


def test_a_process_that_is_gone_or_ended_is_none() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert read_process(process.pid) is None  # ended, and nobody has asked how
    assert read_process(process.pid) is None
    assert count_fds(process.pid) == 0


def test_a_name_with_parentheses_and_blanks_misleads_nobody() -> None:
    code = "import setproctitle, sys; setproctitle.setthreadtitle('a) R 1 (b'); print(flush=True); sys.stdin.read()"  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = read_process(process.pid)
        assert found is not None
        assert found.threads == 1
        process.communicate(b"")


def test_cpu_is_the_mean_since_the_reading_before() -> None:
    made = ProcessSampler()
    me = HostProcess("g.x:a:1.0.0/0", os.getpid(), 3)
    (first,) = made.sample([me], 100.0)
    assert (first.cpu, first.in_flight) == (0.0, 3)
    assert first.fds == pytest.approx(count_fds(os.getpid()), abs=3)
    began = read_process(os.getpid())
    assert began is not None
    while (now := read_process(os.getpid())) is not None and now.cpu_s < began.cpu_s + 0.2:
        sum(range(10_000))
    (second,) = made.sample([me], 101.0)
    assert 0.15 < second.cpu < 0.6
    gone = HostProcess("g.x:a:1.0.0/1", 2**22 + 1, 0)
    assert [one.instance for one in made.sample([gone, me], 102.0)] == ["g.x:a:1.0.0/0"]


def test_open_files_are_counted_now_and_then() -> None:
    made = ProcessSampler()
    me = HostProcess("g.x:a:1.0.0/0", os.getpid(), 0)
    (first,) = made.sample([me], 0.0)
    pipes = [os.pipe() for _ in range(10)]
    try:
        (later,) = made.sample([me], 2 * FDS_EVERY_S)
        assert later.fds >= first.fds + 15
    finally:
        for pipe in pipes:
            for end in pipe:
                os.close(end)
