import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from aether.forecast import card as cards
from aether.forecast.card import CARD, MODEL, SHIPPED, ModelUnusable, read
from aether.forecast.shape import HORIZON, QUANTILES


def copied(folder: Path, **changes: Any) -> Path:
    card = {**json.loads((SHIPPED / CARD).read_text()), **changes}
    (folder / CARD).write_text(json.dumps(card))
    (folder / MODEL).write_bytes((SHIPPED / MODEL).read_bytes())
    return folder


def test_the_shipped_card_tells_everything_and_is_the_models() -> None:
    card, model = read(SHIPPED)
    assert hashlib.sha256(model).hexdigest() == card.sha256
    assert (card.horizon, card.quantiles, card.bytes) == (HORIZON, QUANTILES, len(model))
    assert card.bytes <= 500 * 1024
    assert card.torch_difference <= 1e-4
    assert card.training.seed >= 0
    assert card.training.steps > 1000
    assert card.training.cpu_s <= 600
    for one in card.data:
        assert len(one.sha256) == 64
        assert one.licence, f"{one.series} has no licence"


def test_no_series_without_a_stated_licence_was_trained_on() -> None:
    card, _ = read(SHIPPED)
    for one in card.data:
        if "none" in one.licence:
            assert not one.trained, one.series
    assert sum(one.trained for one in card.data) >= 15


def test_the_shipped_model_reaches_what_is_asked_of_it() -> None:
    means = read(SHIPPED)[0].means
    assert means.mae["5"] <= 0.88
    assert means.mae["15"] <= 0.82
    assert 0.87 <= means.coverage90["5"] <= 0.93
    assert means.pinball90["5"] <= 0.90


def test_a_changed_model_is_refused_by_its_checksum(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    data = bytearray((folder / MODEL).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / MODEL).write_bytes(data)
    with pytest.raises(ModelUnusable, match="SHA-256"):
        read(folder)


@pytest.mark.parametrize("name", [CARD, MODEL])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = copied(tmp_path)
    (folder / name).unlink()
    with pytest.raises(ModelUnusable, match=name):
        read(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": 1}'])
def test_a_broken_card_is_refused(tmp_path: Path, text: str) -> None:
    folder = copied(tmp_path)
    (folder / CARD).write_text(text)
    with pytest.raises(ModelUnusable, match="is not a model's card"):
        read(folder)


def test_a_model_of_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="train it with this version"):
        read(copied(tmp_path, horizon=10))


def test_a_file_too_large_to_be_a_model_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "MOST_MODEL_BYTES", 1000)
    with pytest.raises(ModelUnusable, match="larger than 1000 bytes"):
        read(copied(tmp_path))


@pytest.mark.parametrize("card", [b'{"name": "\xff"}', b"[" * 100_000, b"rubbish", b"{}"])
def test_a_damaged_card_is_said_to_be_none(tmp_path: Path, card: bytes) -> None:
    (copied(tmp_path) / CARD).write_bytes(card)
    with pytest.raises(ModelUnusable, match="is not a model's card"):
        read(tmp_path)


def test_a_path_nobody_can_open_is_named() -> None:
    with pytest.raises(ModelUnusable, match="cannot be read"):
        read(Path("a\0b"))


def test_files_that_are_short_say_nothing_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_files(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(Path, "open", no_files)
    with pytest.raises(OSError, match="Too many open files"):
        read(SHIPPED)
