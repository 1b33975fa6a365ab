"""The limits fit each other and the timings of forming a cluster."""

from aether.core.agent import formation
from aether.rpc import settings
from aether.rpc.admission import CHANGE_S


def test_a_proposal_ends_before_any_promise_made_for_it() -> None:
    assert settings.FOUND_CALL_S < formation.PROPOSAL_S < formation.PROMISE_S


def test_an_announcement_under_way_is_not_older_than_a_proposal() -> None:
    assert settings.FORMATION_CALL_S + formation.PROPOSAL_S < formation.PROMISE_S


def test_a_join_has_time_for_two_changes() -> None:
    assert settings.JOIN_CALL_S > 2 * CHANGE_S


def test_the_largest_body_fits_with_its_headers_and_a_chunk_fits_easily() -> None:
    assert settings.MAX_MESSAGE_BYTES > settings.MAX_BODY_BYTES + 64 * 1024
    assert settings.MAX_MESSAGE_BYTES > 2 * settings.CHUNK_BYTES


def test_servers_allow_the_pings_clients_send() -> None:
    pings = dict(settings.CHANNEL_OPTIONS)["grpc.keepalive_time_ms"]
    assert dict(settings.SERVER_OPTIONS)["grpc.http2.min_ping_interval_without_data_ms"] < pings
