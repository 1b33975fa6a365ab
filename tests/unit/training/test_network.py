import pytest

pytest.importorskip("torch", reason="torch is installed for training only")
import torch

from aether.forecast.shape import HORIZON, INPUTS, QUANTILES
from aether_forge.training.network import Network, compress, ordered


def given(batch: int = 5) -> list[torch.Tensor]:
    torch.manual_seed(1)
    return [
        torch.ones(batch, width) if name.endswith("_ok") else torch.rand(batch, width) * 100
        for name, width in INPUTS.items()
    ]


def test_compress_is_asinh() -> None:
    values = torch.tensor([0.0, 0.01, 1.0, 50.0, 1e4])
    assert torch.allclose(compress(values), torch.asinh(values), atol=1e-6)


def test_quantiles_grow_whatever_the_raw_answers() -> None:
    raw = torch.randn(3, HORIZON, len(QUANTILES)) * 100
    assert (ordered(raw).diff(dim=-1) >= 0).all()


def test_an_answer_is_as_large_as_its_traffic() -> None:
    network = Network().eval()
    inputs = given()
    larger = [1000 * one if number < 3 else one for number, one in enumerate(inputs)]
    with torch.no_grad():
        assert torch.allclose(network(*larger), 1000 * network(*inputs), rtol=1e-3)
        assert network(*inputs).shape == (5, HORIZON, len(QUANTILES))
