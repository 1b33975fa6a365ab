"""The place of a slice before the sentence about it."""

from aether.config.blueprint_mentions import Listed, put_places
from aether.core.model.ids import SliceBase

CART = SliceBase("shop.demo:cart")


def test_the_first_slice_of_the_blueprint_that_is_mentioned_counts() -> None:
    said = (
        "route GET / of other.demo:x:1.0.0 belongs to shop.demo:cart",
        "shop.demo:cart-lines",
        "shop.demo:cart:1.0.0/3 failed",
    )
    there = "b.toml:4:7: slices[2].artifact: "
    told = list(put_places("b.toml", said, {CART: Listed(2, (4, 7))}))
    assert told == [there + said[0], said[1], there + said[2]]
