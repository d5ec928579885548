import torch

from xgem.share import ALONE, Share
from xgem.training.variation import Variation


def seeded() -> Share:
    return ALONE.share(8, torch.Generator().manual_seed(0))


def test_images_are_moved_by_few_pixels() -> None:
    image = torch.zeros(8, 1, 32, 32)
    image[:, :, 16, 16] = 1
    changed = Variation.drawn(seeded())(image)
    places = [divmod(int(one.argmax()), 32) for one in changed[:, 0]]
    assert len(set(places)) > 1
    assert all(abs(y - 16) <= 4 and abs(x - 16) <= 4 for y, x in places)


def test_images_are_exposed_anew_by_a_little() -> None:
    gray = torch.full((8, 1, 32, 32), 0.5)
    changed = Variation.drawn(seeded())(gray)
    levels = changed.mean((1, 2, 3))
    assert levels.std() > 0
    assert (levels - 0.5).abs().max() <= 0.1
    assert torch.equal(changed, Variation.drawn(seeded())(gray))


def test_some_rows_vary_as_they_do_among_all() -> None:
    images = torch.rand(8, 1, 16, 16)
    variation = Variation.drawn(seeded())
    rows = [1, 4, 6]
    assert torch.equal(variation.of(rows)(images[rows]), variation(images)[rows])
