"""Oracles proven to fire: the product broken on purpose, in ways that real ones were, is found out.

Each variant says which kinds of faults bring it out, what the violation must say, and within how
many seeds at most it has to be found.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from aether.core.raft.following import Following
from aether.core.raft.leadership import Leadership
from aether.core.raft.local import Local
from aether.core.raft.log import Log
from aether.core.raft.membership import changed, majority_value
from aether.core.raft.values import Proposed, Refusal
from aether.store.disk.vote_file import VoteFile
from aether.store.native.durability import Durability
from aether.store.native.replica import Replica
from aether_forge.sim.raft.run import run
from aether_forge.sim.raft.settings import Settings, draw

CRASHES = ("kill", "kill some", "kill all", "power cut", "power cut all", "stop in a disk step")
CUTS = ("split", "isolate", "one way", "bridge", "swizzle", "pause")
CHANGES = ("add", "remove", "replace", "transfer")

Break = Callable[[pytest.MonkeyPatch, Settings], None]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to be broken."""

    breaks: Break
    kinds: Sequence[str]
    says: str
    """A pattern that a violation must match."""
    seeds: int
    """At most so many may pass before one fails; several times what it took when this was written."""
    seconds: float = 6.0


def stale_reads(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Serve reads from what a member has applied, without asking anybody."""
    patch.setattr(Replica, "read", lambda _self, done, *_: done(None))


def missing_fsync(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.ignores_sync = True


def duplicated_frames(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Let a transport deliver twice what members rely on arriving at most once."""
    settings.weather.duplicate_chance = 0.1
    settings.habits.request_ids = 0.0


def truncates_matching_entries(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Drop everything after the point of agreement, whether it conflicts or not."""
    patch.setattr(Following, "_known", lambda *_: 0)
    patch.setattr(Log, "may_truncate", lambda _: True)


def dead_membership_guard(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Begin a change of members although the one before is not committed."""

    def change(self: Any, change: Any) -> Proposed | Refusal:
        members = changed(self._local.membership.current, change)
        if isinstance(members, Refusal):
            return members
        if members == self._local.membership.current:
            return Proposed(self._local.log.commit, self._local.term)
        proposed: Proposed = self._append_members(members)
        return proposed

    patch.setattr(Leadership, "change", change)


def vote_not_persisted(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Remember term and vote in memory alone."""

    def save(self: Any, state: Any) -> None:
        if "vote" in self._disk.names():
            self._state = state
        else:
            whole(self, state)

    whole = VoteFile.save
    patch.setattr(VoteFile, "save", save)


def ack_before_sync(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Acknowledge entries when they are written, not when they are synced."""
    patch.setattr(Durability, "sendable", lambda _, promises: promises)


def leader_counts_itself_early(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Count the leader for entries its own disk does not hold yet; others lose theirs too."""

    def advance(self: Any) -> None:
        local, peers = self._local, self.replication.peers
        index = majority_value(
            [
                local.log.last_index if node == local.node else peers[node].match
                for node in local.membership.voters
            ]
        )
        if index >= self._noop_index:
            local.log.commit_to(index)

    patch.setattr(Leadership, "advance", advance)


def commits_old_terms(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Commit entries of earlier terms by counting who holds them."""

    def advance(self: Any) -> None:
        local, peers = self._local, self.replication.peers
        local.log.commit_to(
            majority_value(
                [
                    local.log.persisted if node == local.node else peers[node].match
                    for node in local.membership.voters
                ]
            )
        )

    patch.setattr(Leadership, "advance", advance)


def commit_beyond_agreement(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Take the leader's commit index for entries that may not be its own."""
    whole = Following.on_append

    def on_append(self: Any, sender: Any, append: Any) -> None:
        whole(self, sender, append)
        self._local.log.commit_to(append.commit)

    patch.setattr(Following, "on_append", on_append)


def votes_while_recovering(patch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Vote and stand for election although what was promised before is lost."""
    whole = Local.__init__

    def init(self: Any, *args: Any) -> None:
        whole(self, *args)
        self.recovering = False

    patch.setattr(Local, "__init__", init)


VARIANTS = {
    "stale reads": Variant(stale_reads, CUTS, "no order explains", 20),
    "missing fsync": Variant(missing_fsync, ("power cut all",), "", 20),
    "duplicated frames": Variant(duplicated_frames, CUTS, "took effect twice", 20),
    "truncates matching": Variant(truncates_matching_entries, CUTS + CRASHES, "", 60),
    "dead membership guard": Variant(dead_membership_guard, CHANGES + CUTS, "", 120),
    "vote not persisted": Variant(vote_not_persisted, CRASHES, "", 120),
    "ack before sync": Variant(ack_before_sync, ("power cut all", "slow disk"), "", 40),
    "leader counts itself": Variant(
        leader_counts_itself_early, ("power cut", "power cut all", "slow disk"), "", 60
    ),
    "commits old terms": Variant(commits_old_terms, CUTS + CRASHES, "", 200),
    "commit beyond agreement": Variant(commit_beyond_agreement, CUTS, "", 60),
    "votes while recovering": Variant(
        votes_while_recovering, ("flip a bit", "isolate", "kill", "isolate"), "", 150, 4.0
    ),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_broken_variant_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variant = VARIANTS[name]
    for seed in range(variant.seeds):
        settings = draw(seed)
        settings.kinds, settings.seconds = variant.kinds, variant.seconds
        variant.breaks(monkeypatch, settings)
        found = run(settings).violations
        monkeypatch.undo()
        if any(re.search(variant.says, violation) for violation in found):
            return
    pytest.fail(f"{variant.seeds} seeds passed with {name}: no oracle fired")
