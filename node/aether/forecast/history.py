"""Mean request rates per slice and step, of the last 26 hours, on every node.

Steps are counted from 1970 by the wall clock, so that all nodes mean the same by one, and a node that was
away knows how many it missed. A step nobody measured is NaN. No more than `MOST_SLICES` slices are kept.
"""

import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from aether.forecast.shape import KEPT_S

MOST_SLICES = 1024
"""Slices kept: 6 KB each at a step of a minute. Those that come later are left out until one goes."""
MOST_STEPS = 9360
"""Steps kept of a slice: 26 hours at a step of 10 s; of shorter steps fewer hours are kept."""
LEAST_SHARE = 0.25
"""Part of a step's seconds that must have been measured for its mean to count."""
_FORM = 1


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """A history as bytes on disk."""

    form: int
    step_s: float
    step: int
    courses: dict[str, bytes]


@dataclass(slots=True)
class _Course:
    """The steps of one slice that ended, the newest last, and readings of the one that runs."""

    values: "array[float]" = field(default_factory=lambda: array("f"))
    total: float = 0.0
    readings: int = 0


class RateHistory:
    """What each slice had to do, step by step. Not for two threads at a time."""

    def __init__(self, step_s: float) -> None:
        self.step_s = step_s
        self.left_out = 0
        """Readings not kept, because of too many slices."""
        self._most = min(math.ceil(KEPT_S / step_s), MOST_STEPS)
        self._enough = max(1, int(step_s * LEAST_SHARE))
        self._courses: dict[str, _Course] = {}
        self._step: int | None = None

    def note(self, wall_s: float, rates: Iterable[tuple[str, float | None]]) -> bool:
        """Take the present rate of each slice; return whether a step has ended with this.

        Call it once a second. A clock put back makes the running step longer, nothing else.
        """
        step = math.floor(wall_s / self.step_s)
        ended = self._step is not None and step > self._step
        if self._step is None or ended:
            self._end(0 if self._step is None else step - self._step)
            self._step = step
        for base, rate in rates:
            if rate is None or not math.isfinite(rate):
                continue
            course = self._courses.get(base)
            if course is None:
                if len(self._courses) >= MOST_SLICES:
                    self.left_out += 1
                    continue
                course = self._courses[base] = _Course()
            course.total += max(rate, 0.0)
            course.readings += 1
        return ended

    def _end(self, steps: int) -> None:
        """End the running step, and as many more as have gone by unseen."""
        if not steps:
            return
        gap = array("f", [math.nan]) * min(steps - 1, self._most)
        for base, course in list(self._courses.items()):
            known = course.readings >= self._enough
            course.values.append(course.total / course.readings if known else math.nan)
            course.values.extend(gap)
            del course.values[: -self._most]
            course.total, course.readings = 0.0, 0
            if not known and all(map(math.isnan, course.values)):
                del self._courses[base]

    @property
    def ended_at(self) -> float | None:
        """Wall time at which the newest complete step ended; None before anything was noted."""
        return None if self._step is None else self._step * self.step_s

    def courses(self) -> Mapping[str, "array[float]"]:
        """Return a copy of each slice's complete steps, oldest first, in the order of slices."""
        return {
            base: self._courses[base].values[:]
            for base in sorted(self._courses)
            if self._courses[base].values
        }

    def course(self, base: str) -> "array[float]":
        """Return one slice's complete steps, oldest first; none for a slice nobody measured."""
        found = self._courses.get(base)
        return found.values[:] if found is not None else array("f")

    def to_bytes(self) -> bytes:
        """Return all complete steps as bytes, for `restore`."""
        courses = {base: steps.tobytes() for base, steps in self.courses().items()}
        return msgspec.msgpack.encode(_Kept(_FORM, self.step_s, self._step or 0, courses))

    def restore(self, data: bytes, wall_s: float) -> None:
        """Take over what `to_bytes` returned; steps since then are gaps. Only before anything was noted.

        Raises ValueError when it is of another form or step, from the future, or broken; nothing is
        taken over then.
        """
        kept = msgspec.msgpack.decode(data, type=_Kept)
        step = math.floor(wall_s / self.step_s)
        if kept.form != _FORM or kept.step_s != self.step_s:
            raise ValueError(f"form {kept.form} with steps of {kept.step_s} s, not {self.step_s} s")
        if not 0 < kept.step <= step or len(kept.courses) > MOST_SLICES:
            raise ValueError(f"step {kept.step} of {len(kept.courses)} slices, now it is {step}")
        if self._step is not None:
            raise ValueError("something was noted already")
        missed = array("f", [math.nan]) * min(step - kept.step, self._most)
        courses = {base: self._read(base, packed, missed) for base, packed in kept.courses.items()}
        self._courses, self._step = courses, step

    def _read(self, base: str, packed: bytes, missed: "array[float]") -> _Course:
        """Return the steps of one slice, and those missed since."""
        values = array("f")
        values.frombytes(packed)
        if any(value < 0 or math.isinf(value) for value in values):
            raise ValueError(f"{base} has a rate below 0 or without end")
        values.extend(missed)
        return _Course(values[-self._most :])
