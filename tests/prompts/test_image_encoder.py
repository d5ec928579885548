import numpy as np
import pytest
import torch

from xgem.prompts.image_encoder import ClipImageEncoderConfig, ConvImageEncoderConfig

CONFIGS = [
    ConvImageEncoderConfig(image_size=32, channels=(8, 16), width=12),
    ClipImageEncoderConfig(
        image_size=32, hidden=16, feed_forward=32, layers=1, heads=2, patch=56, width=12
    ),
]


@pytest.mark.parametrize("config", CONFIGS, ids=["conv", "clip"])
def test_vectors_are_of_unit_length_and_do_not_depend_on_the_batch(config) -> None:
    torch.manual_seed(0)
    encoder = config.build().eval()
    images = list(np.random.default_rng(0).random((3, 32, 32), np.float32))
    vectors = encoder(encoder.collate(images))
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(3))
    torch.testing.assert_close(encoder(encoder.collate(images[1:2])), vectors[1:2])


@pytest.mark.parametrize("config", CONFIGS, ids=["conv", "clip"])
def test_no_radiograph_is_a_black_one(config) -> None:
    empty = config.build().empty
    assert empty.shape == (32, 32)
    assert not empty.any()


def test_the_conv_encoder_knows_left_from_right() -> None:
    torch.manual_seed(0)
    encoder = CONFIGS[0].build().eval()
    image = np.zeros((32, 32), np.float32)
    image[8:16, 2:10] = 1
    left, right = encoder(encoder.collate([image, np.ascontiguousarray(image[:, ::-1])]))
    assert (left - right).norm() > 1e-3
