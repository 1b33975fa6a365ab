"""The corpus is read, and every lesson says why it is one."""

from aether_forge.sim.control.corpus import PATH, lessons


def test_the_corpus_is_there_and_says_why() -> None:
    assert PATH.exists()
    assert all(one.why and one.nodes > 0 for one in lessons())
