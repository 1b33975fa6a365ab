"""Seeds that once failed: they run before all others, for ever."""

from dataclasses import dataclass
from pathlib import Path

from aether.config.toml import load_toml

PATH = Path(__file__).with_name("corpus.toml")


@dataclass(frozen=True, slots=True)
class Lesson:
    """A seed, the size it failed in, and what it taught."""

    seed: int
    nodes: int
    why: str


def lessons(path: Path = PATH) -> list[Lesson]:
    """Return the corpus, in the order it grew."""
    return [Lesson(**one) for one in load_toml(path.read_text(), path.name).get("lesson", [])]
