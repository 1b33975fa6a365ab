"""What stands against giving anything up, whoever proposes it: the rules themselves or an advisor."""

from aether.core.scaling.question import Question


def why_kept(asked: Question) -> str:
    """Return the rule that keeps every instance there is; empty where some may go."""
    if is_blind(asked):
        return "blind"
    if asked.bounds.keep:
        return "kept"
    if asked.errors > asked.settings.errors_most:
        return "failing"
    return "new" if asked.watched_s < watch_s(asked) else ""


def is_blind(asked: Question) -> bool:
    """Say whether the load is unknown, or what an instance can serve."""
    return asked.demand is None or (not asked.capacity and asked.busy is None)


def watch_s(asked: Question) -> float:
    """Return how long a slice must have been watched without a hole: `hold_s`, and the span of the plan in force.

    A shorter watch does not hold the largest load of that span.
    """
    span = 0.0 if asked.planned is None else asked.planned.span_s
    return max(asked.settings.hold_s, span)
