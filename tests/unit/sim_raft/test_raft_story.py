"""Stories that differ have digests that differ."""

from aether_forge.sim.raft.story import Story


def test_lines_are_kept_and_notes_only_counted_in() -> None:
    one, two = Story(), Story()
    for story in (one, two):
        story.tell(1.5, "n1 starts")
    assert one.digest() == two.digest()
    two.note(2.0, "unseen")
    assert one.digest() != two.digest()
    assert [str(line) for line in two.lines] == ["   1.500  n1 starts"]
