from contextlib import nullcontext
from pathlib import Path

import torch

from xgem.model import Model
from xgem.sampling.context import PromptReader
from xgem.study import CHEST
from xgem.training.encoded import encode_studies, encoding_key
from xgem.training.studies import Studies


def encode(model: Model, studies: Studies, folder: Path):
    return encode_studies(model, studies, folder / "e.safetensors", "data", nullcontext)


@torch.no_grad()
def test_rows_are_what_the_encoders_say_of_each_study(
    small_model: Model, gappy_studies: Studies, tmp_path: Path
) -> None:
    encoded = encode(small_model, gappy_studies, tmp_path)
    assert len(encoded) == len(gappy_studies)
    reader = PromptReader(small_model)
    for modality in CHEST:
        held = encoded.present[modality].nonzero()[:, 0].tolist()
        assert held == gappy_studies.present(modality, range(len(gappy_studies)))
        contents = gappy_studies.contents(modality, held[-1:])
        expected = reader.encode(modality, contents)
        torch.testing.assert_close(encoded.prompts[modality][held[-1:]], expected)
        autoencoder = small_model.parts[modality].autoencoder
        latent = autoencoder.to_latent(autoencoder.collate(contents))
        torch.testing.assert_close(
            encoded.latents[modality][held[-1:]].float(), latent, atol=2e-3, rtol=2e-3
        )
        torch.testing.assert_close(encoded.empty[modality], reader.empty(modality)[0])
        assert not encoded.prompts[modality][~encoded.present[modality]].any()


def test_encodings_are_read_again_until_a_weight_changes(
    small_model: Model, gappy_studies: Studies, tmp_path: Path
) -> None:
    first = encode(small_model, gappy_studies, tmp_path)
    written = (tmp_path / "e.safetensors").stat().st_mtime_ns
    again = encode(small_model, gappy_studies, tmp_path)
    assert (tmp_path / "e.safetensors").stat().st_mtime_ns == written
    for modality in CHEST:
        assert torch.equal(first.prompts[modality], again.prompts[modality])
    with torch.no_grad():
        small_model.whitening.mean.add_(1)
    changed = encode(small_model, gappy_studies, tmp_path)
    assert not torch.equal(first.prompts[CHEST[0]], changed.prompts[CHEST[0]])


def test_denoisers_do_not_name_the_encodings_but_data_do(small_model: Model) -> None:
    key = encoding_key(small_model, "a")
    with torch.no_grad():
        small_model.parts[CHEST[0]].denoiser.last.bias.add_(1)
    assert encoding_key(small_model, "a") == key != encoding_key(small_model, "b")
