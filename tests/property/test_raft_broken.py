"""The laws fire: cores broken on purpose are found by storms within a few seeds."""

from collections.abc import Callable, Sequence

import pytest

from aether.core.raft import leadership, local, log, membership, read_index
from aether.core.raft.values import AddLearner, Proposed, Refusal
from tests.raft_fuzz import storm

Patch = pytest.MonkeyPatch


def reads_without_a_quorum(patch: Patch) -> None:
    patch.setattr(read_index, "majority_value", max)


def commits_without_a_quorum(patch: Patch) -> None:
    patch.setattr(leadership, "majority_value", max)


def counts_itself_before_the_disk(patch: Patch) -> None:
    def take(self: log.Log) -> Sequence[object]:
        self.persisted = self.last_index
        return original(self)

    original = log.Log.take_unwritten
    patch.setattr(log.Log, "take_unwritten", take)


def forgets_its_vote(patch: Patch) -> None:
    patch.setattr(local.Local, "take_hard_state", lambda _self: None)


def votes_for_any_log(patch: Patch) -> None:
    patch.setattr(log.Log, "is_behind", lambda *_: True)


def keeps_members_of_entries_that_went(patch: Patch) -> None:
    patch.setattr(membership.Membership, "truncate", lambda *_: None)


def changes_many_members_at_once(patch: Patch) -> None:
    def change(self: leadership.Leadership, asked: AddLearner) -> Proposed | Refusal:
        members = membership.changed(self._local.membership.current, asked)
        return members if isinstance(members, Refusal) else self._append_members(members)

    patch.setattr(leadership.Leadership, "change", change)


BROKEN = [
    reads_without_a_quorum,
    commits_without_a_quorum,
    counts_itself_before_the_disk,
    forgets_its_vote,
    votes_for_any_log,
    keeps_members_of_entries_that_went,
    changes_many_members_at_once,
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: str(broken.__name__))
def test_a_broken_core_is_found(broken: Callable[[Patch], None], monkeypatch: Patch) -> None:
    broken(monkeypatch)
    for seed in range(120):
        try:
            storm(seed)
        except Exception:  # noqa: BLE001 any law, or what comes of breaking one
            return
    raise AssertionError(f"no storm found a core that {broken.__name__}")
