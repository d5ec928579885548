import json

import pytest

from xgem.data.store import Store
from xgem.data.store.manifest import read_manifest, sealed
from xgem.errors import StoreError


def mutated(value):
    """All JSON documents in which one entry of ``value`` is gone, or is of a wrong type."""
    places = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(places):
        container = type(value)
        for wrong in (None, -1, "x", [None], {"x": None}):
            if type(wrong) is not type(inner) or wrong == -1:
                changed = container(value)
                changed[key] = wrong
                yield changed
        if isinstance(value, dict):
            yield {name: entry for name, entry in value.items() if name != key}
        if isinstance(inner, dict | list):
            for damaged in mutated(inner):
                changed = container(value)
                changed[key] = damaged
                yield changed


def use(store: Store) -> None:
    """Ask for all that a manifest tells."""
    assert len(store) == sum(len(rows) for rows in store.splits.values())
    assert store.summary()["hash"] == store.hash


def test_whatever_is_damaged_a_store_opens_or_is_refused_in_one_line(small_store) -> None:
    path = small_store.folder / "store.json"
    messages = []
    for manifest in mutated(small_store.manifest):
        path.write_text(json.dumps(manifest))
        try:
            use(Store(small_store.folder))
        except StoreError as error:
            messages.append(str(error))
    assert len(messages) > 300
    assert not [message for message in messages if "\n" in message]


@pytest.mark.parametrize("text", ["", "{", "[1]", '"schema"', "\xff"])
def test_a_manifest_that_is_no_json_object_is_refused(small_store, text) -> None:
    (small_store.folder / "store.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(StoreError, match="copy or make the store again"):
        read_manifest(small_store.folder)


def test_a_fact_that_was_edited_is_noticed_and_an_older_store_opens(small_store) -> None:
    path = small_store.folder / "store.json"
    text = path.read_text()
    path.write_text(text.replace('"license": "of whoever', '"license": "not of whoever'))
    with pytest.raises(StoreError, match=r"store\.json has changed since it was written"):
        read_manifest(small_store.folder)
    assert sealed(small_store.manifest) == json.loads(text)
    path.write_text(json.dumps(small_store.manifest))  # as it was before there was a hash
    assert read_manifest(small_store.folder) == small_store.manifest


def test_a_shard_outside_of_the_store_is_refused(small_store) -> None:
    small_store.manifest["shards"][1]["file"] = "../../data/train-00001.parquet"
    (small_store.folder / "store.json").write_text(json.dumps(small_store.manifest))
    with pytest.raises(StoreError, match=r"shards\.1\.file"):
        read_manifest(small_store.folder)


def test_another_folder_is_refused(tmp_path) -> None:
    with pytest.raises(StoreError, match="not a finished store"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("schema", [1, 99])
def test_another_schema_is_refused(small_store, schema: int) -> None:
    path = small_store.folder / "store.json"
    path.write_text(json.dumps({**small_store.manifest, "schema": schema}))
    with pytest.raises(StoreError, match=f"schema {schema}, this xgem reads schema 2"):
        read_manifest(small_store.folder)
