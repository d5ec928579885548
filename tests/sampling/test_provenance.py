import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

from xgem.errors import InputError
from xgem.sampling.provenance import Checkpoint, Provenance
from xgem.study import FRONTAL, LATERAL, REPORT

TINY = Checkpoint(name="tiny", hash="0123456789ab")
INPUTS = {"F": "a" * 64, "T": "b" * 64}


def provenance() -> Provenance:
    return Provenance(
        checkpoint=TINY,
        task="F+T->L",
        weights={"F": 2.0, "T": 1.0},
        seed=9,
        steps=12,
        solver="ddim",
        guidance={"L": 3.0},
        joint="parallel",
        coupling="cross",
        coupling_guidance=1.0,
        preprocessing="128 x 128, policy xgem",
        inputs=INPUTS,
        time=datetime(2026, 1, 1, tzinfo=UTC),
        warnings=("it may be real",),
    )


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    path = provenance().write(tmp_path / "provenance.json")
    assert Provenance.read(path) == provenance()
    stored = json.loads(path.read_text())
    assert stored["schema_version"] == 1
    assert stored["xgem_version"] == version("xgem")
    assert stored["time"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda record: record.update(schema_version=2), "schema_version"),
        (lambda record: record.update(patient="Doe^Jane"), "patient"),
        (lambda record: record.pop("seed"), "seed"),
        (lambda record: record.update(solver="euler"), "solver"),
        (lambda record: record.update(time="2026-01-01T00:00:00"), "time"),
    ],
    ids=["newer schema", "unknown key", "missing key", "unknown solver", "time without zone"],
)
def test_what_is_not_ours_is_refused(tmp_path: Path, change, said: str) -> None:
    path = provenance().write(tmp_path / "provenance.json")
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=said):
        Provenance.read(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "\0\1"])
def test_what_is_no_provenance_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "provenance.json"
    path.write_text(text)
    with pytest.raises(InputError, match="name the file beside a generated sample"):
        Provenance.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Provenance.read(tmp_path / "provenance.json")


def test_the_same_modalities_must_be_given() -> None:
    provenance().require_given([REPORT, FRONTAL])
    with pytest.raises(InputError, match="give the same --report"):
        provenance().require_given([FRONTAL])
    with pytest.raises(InputError, match="leave --lateral out"):
        provenance().require_given([FRONTAL, LATERAL, REPORT])


def test_model_and_inputs_must_be_the_same() -> None:
    provenance().require_same(TINY, INPUTS)
    provenance().require_same(Checkpoint(name="renamed", hash=TINY.hash), INPUTS)
    with pytest.raises(InputError, match=r"made by the model tiny .* name the first with --model"):
        provenance().require_same(Checkpoint(name="tiny", hash="f" * 12), INPUTS)
    with pytest.raises(InputError, match="this report is not the one"):
        provenance().require_same(TINY, {**INPUTS, "T": "c" * 64})
