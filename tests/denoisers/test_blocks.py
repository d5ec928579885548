import torch
from torch.nn import functional as F

from xgem.denoisers.blocks import Attention, SpatialTransformer, sinusoids


def test_sinusoids_are_those_of_diffusers() -> None:
    from diffusers.models.embeddings import get_timestep_embedding

    timestep = torch.tensor([0.0, 7.0, 981.0])
    theirs = get_timestep_embedding(timestep, 64, flip_sin_to_cos=True, downscale_freq_shift=0)
    torch.testing.assert_close(sinusoids(timestep, 64), theirs)


def test_attention_to_one_token_is_what_the_softmax_would_give() -> None:
    attention = Attention(16, 8, 2)
    tokens, context = torch.randn(2, 5, 16), torch.randn(2, 1, 8)
    fast = attention(tokens, context)
    # Two equal keys share the weight, so that the general path gives the same answer.
    general = attention(tokens, context.expand(-1, 2, -1))
    torch.testing.assert_close(fast.expand_as(general), general)


def test_attention_equals_the_formula() -> None:
    attention = Attention(12, 12, 3)
    x = torch.randn(2, 6, 12)
    q, k, v = (
        linear(x).view(2, 6, 3, 4).transpose(1, 2)
        for linear in (attention.to_q, attention.to_k, attention.to_v)
    )
    weights = F.softmax(q @ k.transpose(-1, -2) / 4**0.5, dim=-1)
    expected = attention.to_out((weights @ v).transpose(1, 2).reshape(2, 6, 12))
    torch.testing.assert_close(attention(x, x), expected)


def test_a_transformer_hears_its_context(stirred) -> None:
    transformer = stirred(SpatialTransformer(16, 8, 2, 4))
    features = torch.randn(1, 16, 3, 3)
    a, b = (transformer(features, torch.randn(1, 1, 8)) for _ in range(2))
    assert a.shape == features.shape
    assert (a - b).abs().max() > 1e-4
