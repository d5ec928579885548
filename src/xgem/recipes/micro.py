"""64 px in minutes: for tests and ablations, not for pictures to show."""

from dataclasses import replace

from xgem.data.radiograph import Preprocessing
from xgem.latents.image_vae import ImageVaeConfig
from xgem.prompts.image_encoder import ConvImageEncoderConfig
from xgem.recipes.tiny import tiny
from xgem.training.recipe import PhantomData, Recipe, StageConfig
from xgem.training.stage import Optimization


def micro() -> Recipe:
    """Half the resolution of `tiny`, a tenth of its studies and a twentieth of its steps, fp32."""
    base = tiny()
    return replace(
        base,
        name="micro",
        data=PhantomData(studies=2_048),
        held_out=128,
        stages=tuple(_shorter(stage) for stage in base.stages),
        model=replace(
            base.model,
            preprocessing=Preprocessing(size=64),
            prompt_encoders={
                name: replace(encoder, image_size=64)
                if isinstance(encoder, ConvImageEncoderConfig)
                else encoder
                for name, encoder in base.model.prompt_encoders.items()
            },
            autoencoders={
                name: replace(autoencoder, image_size=64)
                if isinstance(autoencoder, ImageVaeConfig)
                else autoencoder
                for name, autoencoder in base.model.autoencoders.items()
            },
        ),
    )


def _shorter(stage: StageConfig) -> StageConfig:
    full = stage.optimization
    steps = max(20, full.steps // 20)
    shorter: Optimization = replace(
        full, steps=steps, precision="fp32", ema=0.98, save_every=max(10, steps // 4)
    )
    return replace(stage, optimization=shorter)
