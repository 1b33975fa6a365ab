"""Headers a route adds to its answers."""

import pytest
from msgspec.structs import replace as replace_row

from aether.core.dataplane.notices import notices
from aether.core.dataplane.rows import RouteRow
from aether.core.model.ids import SliceBase

ROW = RouteRow(method="GET", pattern="/x", slice=SliceBase("a:b"))


def test_mostly_there_are_none() -> None:
    assert notices(ROW) == b""


def test_each_is_written_as_its_standard_says() -> None:
    row = replace_row(ROW, api_version="2", deprecated="2026-12-31", sunset="2027-06-30T12:00:00Z")
    assert notices(row).split(b"\r\n") == [
        b"x-api-version: 2",
        b"deprecation: @1798675200",
        b"sunset: Wed, 30 Jun 2027 12:00:00 GMT",
        b"",
    ]


def test_a_date_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="'soon' is not a date"):
        notices(replace_row(ROW, sunset="soon"))
