"""Links and engines on uvloop, whose transports, TLS and order of writes are its own."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.certificates import Authority
from tests.integration import test_dialer, test_links, test_links_tls, test_listener
from tests.integration import test_native_engine as engines

Story = Callable[..., Coroutine[Any, Any, None]]


def told(story: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story)


@pytest.mark.parametrize(
    "story",
    [
        test_links.test_packets_arrive_in_order_both_ways,
        test_links.test_many_packets_of_one_turn_leave_together_and_large_ones_whole,
        test_links.test_a_lost_connection_is_told_and_dialled_again,
        test_links.test_a_newer_connection_replaces_an_older_one,
        test_links.test_a_peer_that_never_reads_costs_bounded_memory,
        test_links.test_a_port_in_use_is_named,
        test_listener.test_a_frame_over_the_limit_ends_an_admitted_connection,
        test_dialer.test_a_flood_after_the_welcome_ends_the_connection,
    ],
)
def test_links_on_uvloop(story: Story) -> None:
    told(story())


@pytest.mark.parametrize(
    "story",
    [
        test_links_tls.test_an_expired_certificate_is_refused,
        test_links_tls.test_an_expired_server_is_refused,
        test_links_tls.test_the_certificate_of_another_node_is_refused,
        test_links_tls.test_no_certificate_is_refused,
        test_links_tls.test_tls_on_one_side_only_is_named,
        test_links_tls.test_plain_http_on_a_tls_port_is_named,
    ],
)
def test_tls_on_uvloop(story: Story, tmp_path: Path) -> None:
    told(story(Authority(tmp_path)))


@pytest.mark.parametrize("tls", [False, True])
def test_strangers_on_uvloop(tmp_path: Path, tls: bool) -> None:
    told(test_listener.test_strangers_lose_their_connection_and_nothing_else_happens(tmp_path, tls))


@pytest.mark.parametrize(
    "story",
    [
        engines.test_writes_through_any_member_reach_all,
        engines.test_callbacks_answer_many_at_once,
        engines.test_a_leader_that_stops_hands_over_first,
        engines.test_a_laggard_gets_a_snapshot,
    ],
)
def test_engines_on_uvloop(story: Story) -> None:
    told(story())


def test_engines_with_tls_on_uvloop(tmp_path: Path) -> None:
    told(engines.test_members_talk_over_mutual_tls(tmp_path))
