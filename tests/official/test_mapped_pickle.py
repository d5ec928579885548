import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from xgem.official.mapped_pickle import MappedPickle

WHOLE = torch.arange(24.0).view(4, 6)
STATE = {
    "whole": WHOLE,
    "row": WHOLE[2],
    "transposed": WHOLE.T,
    "half": torch.randn(3, 5, generator=torch.Generator().manual_seed(0)).bfloat16(),
    "ids": torch.arange(7)[None],
    "scalar": torch.tensor(2.5),
    "none": torch.empty(0, 3),
    "parameter": torch.nn.Parameter(torch.ones(2)).detach(),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.save(STATE, tmp_path / "state.pt")
    return tmp_path / "state.pt"


def test_values_are_those_that_were_saved(path: Path) -> None:
    mapped = MappedPickle(path)
    assert mapped.structure.keys() == STATE.keys()
    for key, expected in STATE.items():
        assert mapped.structure[key].is_meta
        found = mapped.tensor(mapped.structure[key])
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected), key


def test_they_are_the_file_itself(path: Path) -> None:
    mapped = MappedPickle(path)
    place = mapped.tensor(mapped.structure["whole"]).data_ptr()
    lines = [line for line in Path("/proc/self/maps").read_text().splitlines()
             if line.endswith(str(path))]  # fmt: skip
    assert all(line.split()[1].startswith("r--") for line in lines)
    ranges = [[int(n, 16) for n in line.split()[0].split("-")] for line in lines]
    assert any(first <= place < last for first, last in ranges)


def test_a_file_that_may_not_be_written_will_do(path: Path) -> None:
    path.chmod(0o400)
    mapped = MappedPickle(path)
    assert torch.equal(mapped.tensor(mapped.structure["whole"]), WHOLE)


def test_what_is_forgotten_can_be_read_again(path: Path) -> None:
    mapped = MappedPickle(path)
    tensor = mapped.tensor(mapped.structure["whole"])
    mapped.forget()
    assert torch.equal(tensor, WHOLE)


def test_a_compressed_file_is_refused(path: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed.pt"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    with pytest.raises(pickle.UnpicklingError, match="compressed"):
        MappedPickle(packed)


PROGRAM = """
import resource, sys, torch
from pathlib import Path
from xgem.official.mapped_pickle import MappedPickle
limit = 4 * 2**30
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))  # private memory that may be written
mapped = MappedPickle(Path(sys.argv[1]))
(meta,) = mapped.structure.values()
print(mapped.tensor(meta)[-1].item())
"""


def test_a_file_larger_than_memory_can_be_mapped(tmp_path: Path) -> None:
    """5 GiB where 4 may be reserved; on disk the file is nearly empty."""
    path = tmp_path / "large.pt"
    with torch.serialization.skip_data():
        torch.save({"x": torch.empty(5 * 2**28)}, path)
    assert path.stat().st_blocks < 10_000
    call = [sys.executable, "-c", PROGRAM, str(path)]
    ended = subprocess.run(call, capture_output=True, text=True, check=True)
    assert float(ended.stdout) == 0.0
