import yaml

from xgem.data.store.card import write_card


def test_the_card_says_what_is_there_and_where_it_comes_from(small_store):
    card = write_card(small_store.manifest)
    assert card == (small_store.folder / "README.md").read_text()
    assert "| rows | 7 |" in card
    assert "| rows with lateral | 4 |" in card
    assert "| Edema | 5 / 0 / 0 / 2 |" in card
    assert "No patient is in two splits." in card
    assert "size 8" in card


def test_the_front_matter_names_the_files_of_every_split(small_store):
    front = yaml.safe_load((small_store.folder / "README.md").read_text().split("---")[1])
    (config,) = front["configs"]
    assert config["data_files"] == [
        {"split": "train", "path": [f"data/train-0000{n}.parquet" for n in range(3)]}
    ]


def test_near_duplicates_and_remarks_are_told(small_store):
    manifest = {
        **small_store.manifest,
        "near_duplicates": {"pairs": 3, "bits": 20, "of": 256},
        "remarks": {"studies that were not here": 5},
    }
    card = write_card(manifest)
    assert "3 pairs of images of different splits" in card
    assert "- studies that were not here: 5" in card
