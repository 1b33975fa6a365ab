"""Seeds of whole clusters that once failed: they run before all others, for ever."""

from pathlib import Path

from aether_forge.sim.raft import corpus
from aether_forge.sim.raft.corpus import Lesson

PATH = Path(__file__).with_name("corpus.toml")


def lessons() -> list[Lesson]:
    """Return the corpus, in the order it grew."""
    return corpus.lessons(PATH)
