from dataclasses import replace

from xgem.data.radiograph import Preprocessing
from xgem.denoisers.coupling import CouplingMode
from xgem.latents.report_vae import ReportVaeConfig
from xgem.official.configuration import released_model
from xgem.official.published import PUBLISHED
from xgem.prompts.image_encoder import ClipImageEncoderConfig
from xgem.recipes.mimic_256 import mimic_256


def test_it_is_the_shape_of_the_recipe_with_the_quirks_of_the_release() -> None:
    released, ours = released_model(PUBLISHED), mimic_256().model
    assert len(released.modalities) == 3
    expected = replace(
        ours,
        coupling_mode=CouplingMode.OWN,
        sampling=replace(ours.sampling, eta=1.0, spacing="released"),
        preprocessing=Preprocessing(size=256, policy="released"),
        prompt_encoders={
            **ours.prompt_encoders,
            "image_prompt": ClipImageEncoderConfig(eight_bit=True),
        },
        autoencoders={
            **ours.autoencoders,
            "report_vae": ReportVaeConfig(
                first_position=1, writing="drawn", top_p_cut=True, keep_end=False
            ),
        },
        modalities=tuple(
            replace(parts, denoiser=replace(parts.denoiser, skip_aliasing=True))
            for parts in ours.modalities
        ),
    )
    assert released == expected
