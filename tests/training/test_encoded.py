import pytest
import torch

from xgem.model import Model
from xgem.sampling.context import PromptReader
from xgem.study import CHEST
from xgem.training.encoded import Encoded, live
from xgem.training.studies import Studies


@pytest.fixture
def encoded(small_model: Model, gappy_studies: Studies) -> Encoded:
    return live(small_model, gappy_studies, "fp32")


@torch.no_grad()
def test_rows_are_what_the_encoders_say_of_each_study(
    small_model: Model, gappy_studies: Studies, encoded: Encoded
) -> None:
    everything = list(range(len(gappy_studies)))
    assert len(encoded) == len(gappy_studies)
    reader = PromptReader(small_model)
    for modality in CHEST:
        held = encoded.holders([modality])
        assert held == gappy_studies.present(modality, everything)
        contents = gappy_studies.contents(modality, held[-1:])
        expected = reader.encode(modality, contents)
        torch.testing.assert_close(encoded.prompts[modality][held[-1:]], expected)
        autoencoder = small_model.parts[modality].autoencoder
        latent = autoencoder.to_latent(autoencoder.collate(contents))
        torch.testing.assert_close(
            encoded.latents[modality][held[-1:]].float(), latent, atol=2e-3, rtol=2e-3
        )
        torch.testing.assert_close(encoded.empty[modality], reader.empty(modality)[0])
        missing = [study for study in everything if study not in held]
        assert not encoded.prompts[modality][missing].any()
        assert not encoded.latents[modality][missing].any()


def test_studies_are_found_by_all_that_they_hold_and_named(
    gappy_studies: Studies, encoded: Encoded
) -> None:
    whole = [i for i in range(len(gappy_studies)) if len(gappy_studies[i].contents) == 3]
    assert encoded.holders(CHEST) == whole
    assert encoded.names(whole[:2]) == ["phantom-0", "phantom-1"]
