import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from xgem.tensor_file import TensorSpec, write_tensors

TENSORS = {
    "weight": torch.randn(3, 5, generator=torch.Generator().manual_seed(0)),
    "scale": torch.tensor(2.5),
    "half": torch.arange(7).to(torch.bfloat16),
    "ids": torch.arange(4)[None],
    "mask": torch.tensor([True, False]),
    "none": torch.empty(0, 3),
    "größe": torch.ones(64, 16),
}


def test_the_library_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    written = write_tensors(path, TENSORS)
    loaded = load_file(path)
    assert loaded.keys() == TENSORS.keys()
    for key, tensor in TENSORS.items():
        assert loaded[key].dtype == tensor.dtype
        assert torch.equal(loaded[key], tensor)
        assert written.tensors[key] == TensorSpec.of(tensor)
    assert written.bytes == path.stat().st_size
    assert written.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_strided_and_shared_tensors_are_written_in_full(tmp_path: Path) -> None:
    whole = torch.arange(12.0).view(3, 4)
    tensors = {"whole": whole, "transposed": whole.T, "column": whole[:, 1]}
    write_tensors(tmp_path / "x.safetensors", tensors)
    loaded = load_file(tmp_path / "x.safetensors")
    assert all(torch.equal(loaded[key], tensor) for key, tensor in tensors.items())


def test_every_tensor_lies_as_aligned_as_its_size_allows(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, {f"{n}": torch.zeros(n) for n in (1, 2, 3, 4, 16, 17, 32, 48, 100)})
    with safe_open(path, "pt") as file:
        for key in file.keys():  # noqa: SIM118
            size = 4 * int(key)
            power = min(64, size & -size)
            assert file.get_tensor(key).data_ptr() % power == 0, key


def test_floating_tensors_take_the_wanted_precision_but_for_those_to_keep(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, torch.bfloat16, keep={"scale"})
    loaded = load_file(path)
    assert torch.equal(loaded["weight"], TENSORS["weight"].bfloat16())
    assert loaded["scale"].dtype == torch.float32
    assert loaded["ids"].dtype == torch.int64


def test_a_value_too_large_for_fp16_is_not_made_infinite(tmp_path: Path) -> None:
    with pytest.raises(OverflowError, match="70000"):
        write_tensors(tmp_path / "x.safetensors", {"x": torch.tensor([7e4])}, torch.float16)
    write_tensors(tmp_path / "x.safetensors", {"x": torch.tensor([torch.inf])}, torch.float16)


class Made(Mapping[str, Tensor]):
    """Makes each tensor when it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[str]:
        return iter("abc")

    def __getitem__(self, key: str) -> Tensor:
        self.asked.append(key)
        return torch.full((8,), float(ord(key)))


def test_tensors_are_asked_for_one_at_a_time(tmp_path: Path) -> None:
    made = Made()
    write_tensors(tmp_path / "x.safetensors", made)
    # Once for the shapes and once for the values; type checks of the tests look at the first, too.
    assert "".join(made.asked).strip("a") == "bcabc"
    assert load_file(tmp_path / "x.safetensors")["b"][0] == ord("b")
