"""Calls about how the requests of a slice are divided among its versions."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from aether.api.call import Answer, Call, Context
from aether.api.endpoint import FRESH, PAST, Endpoint, v1
from aether.api.views import Change, look, read_view, submit
from aether.core.control.division import admit_no_traffic, admit_traffic, present_versions
from aether.core.model.ids import SliceBase
from aether.core.model.records import TrafficRecord, to_plain
from aether.core.model.traffic import MAX_RULES, MAX_WEIGHTS, SplitRule, VersionWeight
from aether.core.model.view import ClusterView
from aether.core.store.commands import Consistency
from aether.errors import NotFound


class Rule(BaseModel):
    """Requests that go to one version whatever the weights say."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: str = Field(description="where they go")
    header: str = Field(default="", description="name of a header; either this or `cookie`")
    cookie: str = Field(default="", description="name of a cookie")
    value: str = Field(default="", description="what it equals; either this or `percent`")
    percent: float = Field(default=0.0, description="part of the clients it tells apart")


class Division(BaseModel):
    """How requests are divided from now on; what is left out is not there any more."""

    model_config = ConfigDict(extra="forbid", strict=True)

    weights: dict[str, int] = Field(
        default_factory=dict,
        max_length=MAX_WEIGHTS,
        description="version → weight, for every version there is",
    )
    rules: list[Rule] = Field(
        default_factory=list, max_length=MAX_RULES, description="looked at first, in this order"
    )

    def record(self) -> TrafficRecord:
        """Return it as it is kept: weights by version, header names in lower case."""
        return TrafficRecord(
            weights=tuple(
                VersionWeight(version=version, weight=weight)
                for version, weight in sorted(self.weights.items())
            ),
            rules=tuple(
                SplitRule(
                    version=rule.version,
                    header=rule.header.lower(),
                    cookie=rule.cookie,
                    value=rule.value,
                    percent=rule.percent,
                )
                for rule in self.rules
            ),
        )


async def get_traffic(context: Context, call: Call) -> Answer:
    """Answer with the versions of a slice, the weight of each, and the rules."""
    base = call.slice_base("base")
    view = await look(context, call)
    if base not in view.targets:
        known = ", ".join(sorted(view.targets)) or "there is none"
        raise NotFound(f"there is no slice {base}; known: {known}")
    return Answer(value=_shown(view, base))


async def put_traffic(context: Context, call: Call) -> Answer:
    """Divide the requests of a slice among the versions there are."""
    base, record = call.slice_base("base"), call.json(Division).record()
    change = await submit(context, call, lambda view: admit_traffic(view, base, record))
    return await _changed(context, change, base)


async def delete_traffic(context: Context, call: Call) -> Answer:
    """Divide the requests of a slice evenly again."""
    base = call.slice_base("base")
    change = await submit(context, call, lambda view: admit_no_traffic(view, base))
    return await _changed(context, change, base)


async def _changed(context: Context, change: Change, base: SliceBase) -> Answer:
    view = await read_view(context.store, Consistency.LINEARIZABLE)
    return Answer(value={**to_plain(change), **_shown(view, base)})


def _shown(view: ClusterView, base: SliceBase) -> dict[str, Any]:
    record = view.traffic.get(base, TrafficRecord())
    weights = {each.version: each.weight for each in record.weights}
    serving = [instance.version for _, instance in view.active_by_slice().get(base, ())]
    return {
        "base": base,
        "versions": [
            {
                "version": version,
                "weight": weights.get(version),
                "active": serving.count(version),
            }
            for version in sorted({*present_versions(view, base), *weights})
        ],
        "rules": to_plain(record.rules),
    }


_SHOWN = "`base`, `versions` (each with `weight`, null when divided evenly, and `active`), `rules`"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET", path=v1("slices/{base}/traffic"), name="slice.traffic.get",
        handler=get_traffic, answers=_SHOWN, query={**FRESH, **PAST},
    ),
    Endpoint(
        method="PUT", path=v1("slices/{base}/traffic"), name="slice.traffic.put",
        handler=put_traffic, answers=f"`changed`, `revision`, `summary`; {_SHOWN}",
        role="operator", leader_only=True, takes="JSON `{weights, rules}`", model=Division,
    ),
    Endpoint(
        method="DELETE", path=v1("slices/{base}/traffic"), name="slice.traffic.delete",
        handler=delete_traffic, answers=f"`changed`, `revision`, `summary`; {_SHOWN}",
        role="operator", leader_only=True,
    ),
)  # fmt: skip
