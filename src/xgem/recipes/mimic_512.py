"""Twice the resolution of the published shape."""

from dataclasses import replace

from xgem.data.radiograph import Preprocessing
from xgem.latents.image_vae import ImageVaeConfig
from xgem.prompts.image_encoder import ClipImageEncoderConfig
from xgem.recipes.mimic_256 import mimic_256
from xgem.study import REPORT
from xgem.training.denoising import DenoisingConfig
from xgem.training.joint import JointConfig
from xgem.training.recipe import Recipe, StageConfig

SIZE = 512


def mimic_512() -> Recipe:
    """512 px and 64 x 64 latents, otherwise `mimic_256`.

    Stages that run through images take the same batches in four passes, each in about the memory
    of a batch of `mimic_256`.
    """
    base = mimic_256()
    return replace(
        base,
        name="mimic_512",
        stages=tuple(_in_passes(stage) for stage in base.stages),
        model=replace(
            base.model,
            preprocessing=Preprocessing(size=SIZE),
            prompt_encoders={
                name: replace(encoder, image_size=SIZE)
                if isinstance(encoder, ClipImageEncoderConfig)
                else encoder
                for name, encoder in base.model.prompt_encoders.items()
            },
            autoencoders={
                name: replace(autoencoder, image_size=SIZE)
                if isinstance(autoencoder, ImageVaeConfig)
                else autoencoder
                for name, autoencoder in base.model.autoencoders.items()
            },
        ),
    )


def _in_passes(stage: StageConfig) -> StageConfig:
    reports_alone = isinstance(stage, DenoisingConfig) and stage.modality == REPORT
    of_images = isinstance(stage, DenoisingConfig | JointConfig) or stage.name.endswith("image_vae")
    if reports_alone or not of_images:
        return stage
    return replace(stage, optimization=replace(stage.optimization, accumulate=4))
