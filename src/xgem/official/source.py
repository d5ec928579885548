"""Published files: pickles of tensors, opened without running code and, if they can be, mapped.

A file is the whole model, or what a stage of the authors' training saved: a denoiser, CLIP, the
report autoencoder, or one block of an environment encoder. Several files together are read as the
authors load them, a later one over an earlier.
"""

import pickle
import warnings
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from xgem.errors import CheckpointError
from xgem.official.mapped_pickle import MappedPickle

MAPPED = 2**30
"""Bytes of mapped tensors after which the memory of what was read is given back."""

_ZIP = b"PK\x03\x04"
"""How a zip archive begins."""
_ROOTS = {
    "diffusion_model.": "model.",
    "model.text_": "clip.",
    "model.vision_": "clip.",
    "model.visual_": "clip.",
    "model.logit_scale": "clip.",
    "encoder.": "optimus.",
    "decoder.": "optimus.",
}
"""How keys begin that a stage saved, and what is missing before them."""
_UNETS = "model.diffusion_model.unet_"
_UNNAMED = f"{_UNETS}image."
"""Older stages call the one image denoiser that they train so, whichever view it is of."""
_TRAINED = f"{_UNETS}frontal."
"""Newer ones train this one, whichever view they train, and save it among all others."""


@dataclass(frozen=True)
class PublishedFile:
    """One file."""

    path: Path
    view: str | None = None
    """Which view's training saved it, "frontal" or "lateral", where it holds a denoiser of one."""

    @property
    def mapped(self) -> bool:
        """Whether it can be mapped; before torch 1.6 files were not zip archives."""
        return zipfile.is_zipfile(self.path)

    @property
    def cut_off(self) -> bool:
        """Whether it is the beginning of a zip archive, whose end is missing."""
        with self.path.open("rb") as file:
            return file.read(len(_ZIP)) == _ZIP and not self.mapped

    def full_keys(self, keys: Collection[str]) -> dict[str, str]:
        """Say which of the file's keys are read, and complete what a stage left out of each.

        Where a view is said, and no denoiser is called ``unet_image``, the file holds all that the
        authors' training has in memory, of which training of either view trains ``unet_frontal``:
        that alone is read, as the denoiser of the view.

        Raises:
            CheckpointError: a key is of a view that is not said, a view is said and there is no
                denoiser of one, or two keys are one when completed.

        Source: OFFICIAL release, section B, 18.
        """
        full = {key: self._completed(key) for key in keys}
        unnamed = any(key.startswith(_UNNAMED) for key in full.values())
        if unnamed and self.view is None:
            raise CheckpointError(
                f"{self.path} holds a denoiser of one view, but not of which; write "
                f"frontal={self.path} or lateral={self.path}"
            )
        if self.view is None:
            return full
        if not unnamed:
            full = {key: place for key, place in full.items() if place.startswith(_TRAINED)}
        if not full:
            raise CheckpointError(
                f"{self.path} holds neither unet_image nor unet_frontal, which training of a view "
                f"saves; write it without {self.view}="
            )
        trained = _UNNAMED if unnamed else _TRAINED
        home = f"{_UNETS}{self.view}."
        full = {
            key: home + place.removeprefix(trained) if place.startswith(trained) else place
            for key, place in full.items()
        }
        if len(set(full.values())) < len(full):
            raise CheckpointError(
                f"{self.path} holds unet_image and unet_{self.view}; write it as the other view"
            )
        return full

    def _completed(self, key: str) -> str:
        if self.path.stem.startswith("model.model."):  # named after the one block that it holds
            key = f"{self.path.stem.removeprefix('model.')}.{key}"
        root = next((root for start, root in _ROOTS.items() if key.startswith(start)), "")
        return root + key


class PublishedTensors(Mapping[str, Tensor]):
    """All tensors of some published files by the release's full keys.

    They are mapped, and what was read of them counts as memory of the process until about 1 GiB was
    read; a file that cannot be mapped is held in memory whole.
    """

    def __init__(self, files: Iterable[PublishedFile]) -> None:
        """Open the files.

        Raises:
            CheckpointError: one is absent, damaged, or holds more than tensors.
        """
        self._tensors: dict[str, tuple[Tensor, MappedPickle | None]] = {}
        self._read = 0
        self.replaced: dict[str, Path] = {}
        """By full key, the file that stands over an earlier one."""
        self.doubts: list[str] = []
        """What was read otherwise than a file's own keys say, one sentence each."""
        for file in files:
            mapped, tensors = _open(file)
            full = file.full_keys(tensors)
            self.replaced |= {key: file.path for key in full.values() if key in self._tensors}
            self._tensors |= {place: (tensors[key], mapped) for key, place in full.items()}
            if len(full) < len(tensors):
                self.doubts.append(
                    f"of {file.path} its unet_frontal alone is read, as unet_{file.view}: training "
                    f"of either view trains that one; its {len(tensors) - len(full)} other tensors "
                    f"are not read"
                )

    def __len__(self) -> int:
        return len(self._tensors)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __getitem__(self, key: str) -> Tensor:
        tensor, mapped = self._tensors[key]
        if mapped is None:
            return tensor
        if self._read > MAPPED:
            self.forget()
        self._read += tensor.numel() * tensor.itemsize
        return mapped.tensor(tensor)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of all tensors, without reading them."""
        return {key: tuple(tensor.shape) for key, (tensor, _) in self._tensors.items()}

    @property
    def dtypes(self) -> dict[str, torch.dtype]:
        """Of all tensors, without reading them."""
        return {key: tensor.dtype for key, (tensor, _) in self._tensors.items()}

    def forget(self) -> None:
        """Let the system take back the memory of what was read."""
        for mapped in {mapped for _, mapped in self._tensors.values() if mapped is not None}:
            mapped.forget()
        self._read = 0


def require_room(file: PublishedFile) -> str | None:
    """Say what memory a file needs that cannot be mapped; None where it needs none worth saying.

    Raises:
        CheckpointError: there is no such file, a part of it, or not as much memory.
    """
    if not file.path.is_file():
        raise CheckpointError(f"{file.path} is no file; name the published weights, MedCoDi-M.pt")
    _require_end(file)
    if file.mapped:
        return None
    need, have = file.path.stat().st_size, _available()
    said = f"{file.path} is in an old format that cannot be mapped: it needs {_gib(need)} of memory"
    if have is not None and have < need:
        raise CheckpointError(
            f"{said}, {_gib(have)} are free; load and save it with torch on a larger machine"
        )
    return said


def _require_end(file: PublishedFile) -> None:
    if file.cut_off:
        size = file.path.stat().st_size
        raise CheckpointError(f"{file.path} is cut off after {size} bytes; download it again")


def _open(file: PublishedFile) -> tuple[MappedPickle | None, dict[str, Tensor]]:
    """Its tensors, without values where it is mapped."""
    mapped = None
    try:
        _require_end(file)
        if file.mapped:
            mapped = MappedPickle(file.path)
            content = mapped.structure
        else:
            with warnings.catch_warnings(action="ignore"):  # of pickles by other programs
                content = torch.load(file.path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{file.path} holds more than tensors, or is damaged ({_first(error)}); nothing in it "
            f"was run; get the published file again"
        ) from error
    except Exception as error:  # whatever a damaged pickle can cause
        raise CheckpointError(
            f"{file.path} cannot be read ({_first(error)}); get the published file again"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise CheckpointError(
            f"{file.path} holds no plain list of tensors, expected a state dict; name the "
            f"published weights, MedCoDi-M.pt, or those of one stage"
        )
    return mapped, content


def _first(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _available() -> int | None:
    """Bytes of memory that are free or can be freed; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    sizes = dict(line.split(":") for line in lines)
    return 1024 * sum(int(sizes[name].split()[0]) for name in ("MemAvailable", "SwapFree"))


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
