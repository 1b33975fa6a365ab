"""How many voters may fail before nothing can be written any more. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from aether.core.model.ids import NodeId
from aether.core.model.records import Verdict, VerdictRecord

_DOUBTED = frozenset({Verdict.SUSPECT, Verdict.LOST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """The voters of a group, and how many of them answer."""

    voters: int
    answering: int

    @property
    def quorum(self) -> int:
        """Voters that must answer."""
        return self.voters // 2 + 1

    @property
    def may_fail(self) -> int:
        """Voters that may still fail; negative when there is no quorum."""
        return self.answering - self.quorum

    def plain(self) -> dict[str, int]:
        """Return it as the API writes it."""
        return {
            "voters": self.voters,
            "quorum": self.quorum,
            "answering": self.answering,
            "may_fail": self.may_fail,
        }


def margin(voters: Collection[NodeId], answering: Collection[NodeId]) -> Margin:
    """Return the margin of a group of which some answer."""
    return Margin(voters=len(voters), answering=len({*voters} & {*answering}))


def margin_without(
    node: NodeId, voters: Collection[NodeId], answering: Collection[NodeId]
) -> Margin:
    """Return the margin once `node` is no member any more."""
    return margin({*voters} - {node}, answering)


def margin_judged(
    node: NodeId, voters: Collection[NodeId], verdicts: Mapping[NodeId, VerdictRecord]
) -> Margin:
    """Return the margin once the process of `node` has stopped, by the verdicts on the other voters.

    Who is silent, or is to stop as well, is not counted on.
    """
    stay = [
        voter
        for voter in voters
        if voter != node
        and (record := verdicts.get(voter)) is not None
        and record.verdict not in _DOUBTED
        and not (record.drain is not None and record.drain.shutdown)
    ]
    return margin(voters, stay)
