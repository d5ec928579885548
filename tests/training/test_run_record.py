import json
from pathlib import Path

import pytest

from xgem.data.store import Store
from xgem.errors import ConfigError
from xgem.training.recipe import Recipe
from xgem.training.run_record import (
    RunData,
    RunRecord,
    given_data,
    known_run,
    read_run,
    reopened,
    require_same,
)


@pytest.fixture
def record(recipe: Recipe) -> RunRecord:
    return RunRecord(
        recipe=recipe.to_json(), data=RunData(store="/a"), init={}, xgem="0.1.0", commit=None
    )


def test_it_binds_a_folder_as_soon_as_the_data_are_there(record: RunRecord, tmp_path: Path) -> None:
    assert known_run(tmp_path) is None
    record.write(tmp_path)
    assert read_run(tmp_path) == record
    assert known_run(tmp_path) is None
    data = RunData(store="/a", source="phantoms", hash="0123", studies=3)
    prepared = record.model_copy(update={"data": data, "stage": "joint"})
    prepared.write(tmp_path)
    assert known_run(tmp_path) == prepared


@pytest.mark.parametrize(
    ("part", "value"),
    [("recipe", {"seed": 7}), ("data", RunData(store="/b")), ("init", {"all": "bundled"})],
)
def test_another_part_is_named(record: RunRecord, part: str, value: object) -> None:
    changed = {**record.recipe, **value} if part == "recipe" else value
    with pytest.raises(ConfigError, match=f"another {part}; choose another --out"):
        require_same(record, record.model_copy(update={part: changed}), Path("run"))


def test_settings_that_came_later_have_their_defaults(record: RunRecord) -> None:
    older = {name: value for name, value in record.recipe.items() if name != "encodings"}
    require_same(record.model_copy(update={"recipe": older}), record, Path("run"))


def test_a_folder_without_a_run_and_a_damaged_record_are_named(
    record: RunRecord, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"no run\.json"):
        read_run(tmp_path)
    record.write(tmp_path)
    text = (tmp_path / "run.json").read_text()
    for damaged in (text[:200], "[]", json.dumps({**json.loads(text), "init": 3})):
        (tmp_path / "run.json").write_text(damaged)
        with pytest.raises(ConfigError, match="is damaged"):
            read_run(tmp_path)


class Other(Store):
    """A store that reads more than is in its files."""


def test_the_kind_of_a_store_is_recorded_and_asked_for(
    record: RunRecord, run: Path, tmp_path: Path
) -> None:
    folder = run / "phantoms"
    plain, other = Store(folder), Other(folder)
    assert given_data(None) == RunData(store=None)
    assert given_data(plain) == RunData(store=str(folder.resolve()))
    assert given_data(other) == RunData(store=str(folder.resolve()), kind="Other")
    begun = record.model_copy(update={"data": given_data(other)})
    assert reopened(tmp_path, begun, other) is other
    with pytest.raises(ConfigError, match=r"its own kind of store, Other, .*data=Other\("):
        reopened(tmp_path, begun, None)
    with pytest.raises(ConfigError, match="of the kind Other, these are Store; "):
        reopened(tmp_path, begun, plain)
    begun = record.model_copy(update={"data": given_data(plain)})
    with pytest.raises(ConfigError, match="of the kind Store, these are Other; "):
        reopened(tmp_path, begun, other)
    found = reopened(tmp_path, begun, None)
    assert found is not None
    assert found.hash == plain.hash


def test_phantoms_of_a_run_are_opened_when_they_are_there(
    record: RunRecord, run: Path, tmp_path: Path
) -> None:
    begun = record.model_copy(update={"data": RunData(store=None)})
    assert reopened(tmp_path, begun, None) is None
    found = reopened(run, read_run(run), None)
    assert found is not None
    assert found.folder == run / "phantoms"
