from dataclasses import replace

import numpy as np
import torch

from xgem.latents.image_vae import ImageVaeConfig, cosine_basis
from xgem.model import ModelConfig
from xgem.share import ALONE


def images(count: int) -> list[np.ndarray]:
    rows = np.linspace(0, 1, 32, dtype=np.float32)
    return [np.outer(rows**k, rows).astype(np.float32) for k in range(1, count + 1)]


def test_it_learns_to_reconstruct(small_config: ModelConfig) -> None:
    torch.manual_seed(0)
    vae = small_config.autoencoders["image_vae"].build()
    batch = vae.collate(images(4))
    share = ALONE.share(4, torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(vae.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        loss = torch.stack(list(vae.loss(batch, 0.5, share).values())).sum()
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


def test_the_cosine_basis_is_orthonormal_and_begins_with_the_mean() -> None:
    basis = cosine_basis(4)
    torch.testing.assert_close(basis @ basis.T, torch.eye(16))
    torch.testing.assert_close(basis[0], torch.full((16,), 0.25))
    changes = [(row.view(4, 4).diff(dim=0) ** 2).sum() + (row.view(4, 4).diff() ** 2).sum()
               for row in basis]  # fmt: skip
    assert changes[0] < 1e-9
    assert max(changes[1:3]) < min(changes[8:])


@torch.no_grad()
def test_with_a_shortcut_a_fresh_autoencoder_is_the_cosine_transform(
    small_config: ModelConfig,
) -> None:
    torch.manual_seed(0)
    config = replace(small_config.autoencoders["image_vae"], shortcut=True, latent_channels=16)
    vae = config.build().eval()
    batch = torch.rand(2, 1, 32, 32)
    mean, logvar = vae.encode(batch)
    torch.testing.assert_close(vae.reconstruct(mean), batch)
    torch.testing.assert_close(logvar, torch.full_like(logvar, -6.0))
    fewer = replace(config, latent_channels=4).build().eval()
    smooth = torch.from_numpy(images(1)[0])[None, None]
    assert (fewer.reconstruct(fewer.encode(smooth)[0]) - smooth).abs().max() < 0.02
