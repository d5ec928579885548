import pickle

import torch
from torch.utils.data import DataLoader

from xgem.data.labels.chexpert import CHEXPERT
from xgem.data.torch_dataset import StudyDataset
from xgem.study import FRONTAL, LATERAL


def test_a_loader_collates_studies_with_missing_parts(small_store):
    batch = next(iter(DataLoader(StudyDataset(small_store), batch_size=4)))
    assert batch["frontal"].shape == batch["lateral"].shape == (4, 1, 8, 8)
    assert batch["has_lateral"].tolist() == [False, True, True, False]
    assert (batch["lateral"][0] == 0).all()
    assert batch["report"] == [f"Report {n}." for n in range(4)]
    assert batch["labels"].shape == (4, len(CHEXPERT))
    expected = torch.from_numpy(small_store[1].contents[LATERAL])
    torch.testing.assert_close(batch["lateral"][1, 0], expected)


def test_labels_are_those_of_the_study(small_store):
    edema = CHEXPERT.index("Edema")
    labels = [StudyDataset(small_store)[n]["labels"][edema].item() for n in (0, 1)]
    assert labels[0] != labels[0]  # not known
    assert labels[1] == 1


def test_rows_of_a_split_and_another_process(small_store):
    dataset = pickle.loads(pickle.dumps(StudyDataset(small_store, range(2, 4))))
    assert [dataset[n]["id"] for n in range(len(dataset))] == ["s2", "s3"]
    torch.testing.assert_close(
        dataset[0]["frontal"][0], torch.from_numpy(small_store[2].contents[FRONTAL])
    )
