import numpy as np
import pytest

from xgem.cluster.preparing import ray_engine
from xgem.cluster.session import ray_session
from xgem.data.preparing.release import PrepareConfig, local_engine, prepare
from xgem.data.radiograph import Preprocessing
from xgem.data.sources import source_named
from xgem.data.store import writer as store_writer
from xgem.data.store.schema import decode_png
from xgem.file_hash import file_hash
from xgem.phantoms import simulate
from xgem.phantoms.releases import write_folder
from xgem.study import FRONTAL, REPORT

CONFIG = PrepareConfig(preprocessing=Preprocessing(size=32))


def tree(folder):
    return {file.name: file_hash(file) for file in folder.rglob("*") if file.is_file()}


def test_nothing_to_do_starts_no_cluster(monkeypatch):
    monkeypatch.setattr("xgem.cluster.preparing.ray_session", None)
    assert list(ray_engine(1)([], lambda *_: None)) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::FutureWarning:ray")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_cluster_writes_the_bytes_of_one_process(tmp_path, monkeypatch):
    ray = pytest.importorskip("ray", reason="Ray is absent: the cluster is not tried")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(store_writer, "SHARD", 2)
    release = source_named(
        "folder", write_folder(tmp_path / "r", [simulate(n, 40) for n in range(6)])
    )
    salt = tmp_path / "salt"
    here = prepare(release, tmp_path / "here", CONFIG, engine=local_engine(1), salt=salt)
    said = []
    there = prepare(
        release,
        tmp_path / "there",
        CONFIG,
        engine=ray_engine(1),
        salt=salt,
        progress=lambda *words: said.append(words),
    )
    assert tree(there.folder) == tree(here.folder)
    assert ("preparing on Ray", 6, 6) in said
    assert not ray.is_initialized()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray", "ignore::FutureWarning:ray")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_ray_data_opens_a_store_by_itself(tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="Ray is absent: the cluster is not tried")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    release = source_named(
        "folder", write_folder(tmp_path / "r", [simulate(n, 40) for n in range(4)])
    )
    store = prepare(release, tmp_path / "store", CONFIG, engine=local_engine(1))
    with ray_session(1) as ray:
        rows = {
            row["id"]: row for row in ray.data.read_parquet(str(store.folder / "data")).iter_rows()
        }
    assert sorted(rows) == sorted(study.id for study in store)
    study = store[0]
    pixels = decode_png(rows[study.id]["frontal"]["bytes"])
    np.testing.assert_array_equal(pixels, study.contents[FRONTAL])
    assert rows[study.id]["report"] == study.contents[REPORT]
