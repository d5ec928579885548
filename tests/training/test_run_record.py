import json
from pathlib import Path

import pytest

from xgem.errors import ConfigError
from xgem.training.recipe import Recipe
from xgem.training.run_record import RunData, RunRecord, known_run, read_run, require_same


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
