import numpy as np

from xgem.data.batches import batch_indices, chunks, collate_images


def test_every_study_is_seen_once_an_epoch() -> None:
    seen = [index for step in range(5) for index in batch_indices(20, 4, seed=3, step=step)]
    assert sorted(seen) == list(range(20))


def test_a_batch_may_be_larger_than_the_data() -> None:
    batch = batch_indices(3, 9, seed=0, step=0)
    assert sorted(batch) == sorted([0, 1, 2] * 3)


def test_a_batch_depends_on_its_step_alone() -> None:
    alone = batch_indices(50, 8, seed=1, step=40)
    for step in range(40):
        batch_indices(50, 8, seed=1, step=step)
    assert batch_indices(50, 8, seed=1, step=40) == alone
    assert batch_indices(50, 8, seed=2, step=40) != alone


def test_chunks_cover_everything_in_order() -> None:
    assert [list(chunk) for chunk in chunks(5, 2)] == [[0, 1], [2, 3], [4]]


def test_images_become_one_batch_of_one_channel() -> None:
    images = np.random.default_rng(0).random((3, 4, 4), np.float32)
    batch = collate_images(list(images))
    assert batch.shape == (3, 1, 4, 4)
    np.testing.assert_array_equal(batch[:, 0].numpy(), images)
