"""Which request ids were applied, and what they were answered: why a retry applies once."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_REQUESTS = 16384
"""Ids remembered. A client retries for seconds; this many commands take the log longer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered, small enough to keep thousands of them.

    `failed` are positions among the request's guards.
    """

    applied: bool
    revision: int
    deleted: int
    failed: tuple[int, ...] = ()


class Requests:
    """Answers by request id; the least lately asked go first.

    Deterministic: it is moved by the log alone, so every member forgets the same ids.
    """

    def __init__(self, answers: Iterable[tuple[str, Answer]] = ()) -> None:
        self._answers = OrderedDict(answers)

    def __len__(self) -> int:
        return len(self._answers)

    def __iter__(self) -> Iterator[tuple[str, Answer]]:
        return iter(self._answers.items())

    def answered(self, request_id: str) -> Answer | None:
        """Return what `request_id` was answered, or None when it is new or has no id."""
        answer = self._answers.get(request_id)
        if answer is not None:
            self._answers.move_to_end(request_id)
        return answer

    def remember(self, request_id: str, answer: Answer) -> None:
        """Keep the answer of a request; a request without an id is not kept."""
        if request_id:
            self._answers[request_id] = answer
            if len(self._answers) > MAX_REQUESTS:
                self._answers.popitem(last=False)
