import numpy as np
import torch

from xgem.latents.image_vae import ImageVaeConfig
from xgem.model import ModelConfig


def images(count: int) -> list[np.ndarray]:
    rows = np.linspace(0, 1, 32, dtype=np.float32)
    return [np.outer(rows**k, rows).astype(np.float32) for k in range(1, count + 1)]


def test_it_learns_to_reconstruct(small_config: ModelConfig) -> None:
    torch.manual_seed(0)
    vae = small_config.autoencoders["image_vae"].build()
    batch = vae.collate(images(4))
    rng = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(vae.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        loss = torch.stack(list(vae.loss(batch, 0.5, rng).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    with torch.no_grad():
        again = vae.eval().decode(vae.to_latent(batch))
    assert np.abs(np.stack(again) - np.stack(images(4))).mean() < 0.1


def test_shapes_follow_the_configuration(small_config: ModelConfig) -> None:
    vae = small_config.autoencoders["image_vae"].build()
    latent = vae.to_latent(vae.collate(images(2)))
    assert latent.shape == (2, *vae.latent_shape) == (2, 4, 8, 8)
    with torch.device("meta"):
        published = ImageVaeConfig().build()
    assert published.latent_shape == (4, 32, 32)


def test_what_comes_out_is_a_radiograph(small_config: ModelConfig) -> None:
    vae = small_config.autoencoders["image_vae"].build().eval()
    with torch.no_grad():
        (pixels,) = vae.decode(100 * torch.randn(1, *vae.latent_shape))
    assert pixels.dtype == np.float32
    assert pixels.shape == (32, 32)
    assert pixels.min() >= 0
    assert pixels.max() <= 1
