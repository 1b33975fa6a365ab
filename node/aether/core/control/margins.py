"""How many voters may fail before nothing can be written any more. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

from aether.core.model.ids import NodeId


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
