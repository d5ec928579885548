"""Prompts and latents of all studies, computed once and kept beside the run."""

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from xgem.data.batches import chunks
from xgem.model import Model
from xgem.sampling.context import PromptReader
from xgem.study import Modality
from xgem.training.studies import Studies


@dataclass(frozen=True)
class Encoded:
    """What the denoisers train on; rows are studies, and rows of what is missing are zero."""

    prompts: Mapping[Modality, Float[Tensor, "studies width"]]
    """Whitened vectors of the shared space."""
    latents: Mapping[Modality, Float[Tensor, "studies *latent"]]
    """Normalized latents."""
    present: Mapping[Modality, Bool[Tensor, " studies"]]
    """Which studies hold the modality."""
    empty: Mapping[Modality, Float[Tensor, " width"]]
    """The prompt that stands for nothing given."""

    def __len__(self) -> int:
        return len(next(iter(self.present.values())))


def encode_studies(
    model: Model,
    studies: Studies,
    file: Path,
    data_hash: str,
    precision: Callable[[], AbstractContextManager[object]],
    progress: Callable[[str, int, int], None] | None = None,
) -> Encoded:
    """Encode all studies, or read ``file`` where it was made by these weights from these data."""
    key = encoding_key(model, data_hash)
    if file.exists():
        with safe_open(file, "pt") as stored:
            if stored.metadata().get("key") == key:
                return _unpack(model, {name: stored.get_tensor(name) for name in stored.keys()})  # noqa: SIM118
    tensors = _encode(model, studies, precision, progress)
    aside = file.with_name(f".{file.name}.part")
    save_file(tensors, aside, {"key": key})
    os.replace(aside, file)
    return _unpack(model, tensors)


def encoding_key(model: Model, data_hash: str) -> str:
    """Name the weights and data that encodings depend on."""
    config = model.config
    digest = hashlib.sha256(data_hash.encode())
    for name in ("whitening", *config.prompt_encoders, *config.autoencoders):
        for key, value in sorted(model.components[name].state_dict().items()):
            digest.update(f"{name}.{key}".encode())
            digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.inference_mode()
def _encode(
    model: Model,
    studies: Studies,
    precision: Callable[[], AbstractContextManager[object]],
    progress: Callable[[str, int, int], None] | None,
) -> dict[str, Tensor]:
    reader = PromptReader(model)
    tensors: dict[str, Tensor] = {}
    for modality, parts in model.parts.items():
        width, shape = model.config.prompt_width, parts.autoencoder.latent_shape
        prompts = torch.zeros(len(studies), width)
        latents = torch.zeros(len(studies), *shape, dtype=torch.float16)
        present = torch.zeros(len(studies), dtype=torch.bool)
        for chunk in chunks(len(studies), 64):
            held = studies.present(modality, chunk)
            if held:
                contents = studies.contents(modality, held)
                with precision():
                    prompts[held] = reader.encode(modality, contents).float()
                    batch = parts.autoencoder.collate(contents)
                    latents[held] = parts.autoencoder.to_latent(batch).half()
                present[held] = True
            if progress:
                progress(f"encoding {modality.name}", chunk.stop, len(studies))
        tensors |= {
            f"prompts.{modality}": prompts,
            f"latents.{modality}": latents,
            f"present.{modality}": present,
            f"empty.{modality}": reader.empty(modality)[0].float(),
        }
    return tensors


def _unpack(model: Model, tensors: Mapping[str, Tensor]) -> Encoded:
    def of(kind: str) -> dict[Modality, Tensor]:
        return {modality: tensors[f"{kind}.{modality}"].clone() for modality in model.parts}

    return Encoded(of("prompts"), of("latents"), of("present"), of("empty"))
