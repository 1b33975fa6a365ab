from aether.core.store.chain import GATHERED_BYTES, Chain


def chained(count: int, *, asking: bool) -> Chain:
    chain = Chain()
    for number in range(count):
        chain.add(("effect", number, b"x" * 100))
        if asking:
            chain.digest()
    return chain


def test_asking_changes_nothing() -> None:
    assert chained(1000, asking=True).digest() == chained(1000, asking=False).digest()


def test_every_effect_counts() -> None:
    digests = {chained(count, asking=False).digest() for count in range(400)}
    assert len(digests) == 400


def test_what_waits_is_bounded_and_can_be_carried_over() -> None:
    chain = chained(1000, asking=False)
    assert len(chain.waiting) < GATHERED_BYTES
    other = Chain(chain.digest_before, bytes(chain.waiting))
    for each in (chain, other):
        for number in range(500):
            each.add(number)
    assert other.digest() == chain.digest()
