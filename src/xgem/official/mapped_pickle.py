"""The tensors of a file that `torch.save` wrote, in a read-only memory map.

`torch.load(mmap=True)` maps a file so that its tensors could be written to, for which Linux
reserves memory: a file larger than memory is refused. Here torch reads the structure alone, and the
values are mapped so that they can only be read: no memory is reserved, and pages that were read can
be dropped.
"""

import mmap
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


class MappedPickle:
    """One file in torch's zip format."""

    def __init__(self, path: Path) -> None:
        """Read what there is, but no values.

        Raises:
            pickle.UnpicklingError: it holds more than tensors and plain Python values.
            Exception: it is damaged; torch has many words for that.
        """
        with warnings.catch_warnings(action="ignore"):  # of pickles by other programs
            self.structure: Any = torch.load(path, map_location="meta", weights_only=True)
        """What was saved, its tensors without values."""
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise pickle.UnpicklingError("it was compressed, which torch never does")
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def tensor(self, saved: Tensor) -> Tensor:
        """Map the values of one tensor of the structure; they must not be written to."""
        if saved.numel() == 0:
            return torch.empty_like(saved, device="cpu")
        storage = saved.untyped_storage()
        offset = storage._checkpoint_offset  # where torch found its values in the file
        assert offset is not None
        with warnings.catch_warnings(action="ignore"):  # that it cannot be written to
            values = torch.frombuffer(
                self._map,
                dtype=saved.dtype,
                count=storage.nbytes() // saved.itemsize,
                offset=offset,
            )
        return values.as_strided(saved.shape, saved.stride(), saved.storage_offset())

    def forget(self) -> None:
        """Let the system take back the memory of what was read; reading again brings it back."""
        if hasattr(self._map, "madvise"):
            self._map.madvise(mmap.MADV_DONTNEED)
